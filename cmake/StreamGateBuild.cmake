# How everything is compiled: warnings, sanitizers, ccache, linker, job pools.

find_program(SG_CCACHE ccache)
if(SG_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    # Paths below the source folder are hashed as relative ones: another checkout finds what this one compiled.
    set(launcher ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${SG_CCACHE})
    set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
    set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
endif()

find_program(SG_MOLD mold)
if(SG_MOLD)
    add_link_options(-fuse-ld=mold)
endif()

# Linking takes the most memory.
set_property(GLOBAL PROPERTY JOB_POOLS link=2)
set(CMAKE_JOB_POOL_LINK link)

add_library(sg_warnings INTERFACE)
target_compile_options(sg_warnings INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
    -Wnon-virtual-dtor -Woverloaded-virtual -Wformat=2 -Wimplicit-fallthrough -Werror
    $<$<CXX_COMPILER_ID:GNU>:-Wduplicated-cond -Wlogical-op -Wuseless-cast>
    # gcc 12 reports false positives of these from inside std::string and std::vector at -O2.
    $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict -Wno-stringop-overflow -Wno-array-bounds -Wno-maybe-uninitialized>)

if(SG_SANITIZE)
    add_compile_options(-fsanitize=${SG_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${SG_SANITIZE})
    add_compile_definitions(_GLIBCXX_ASSERTIONS)
    # gcc 12 reports false positives of it from inside std::function when it instruments.
    add_compile_options($<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
    # clang 14 cannot compile coroutines with it.
    if(SG_SANITIZE MATCHES "undefined")
        add_compile_options($<$<CXX_COMPILER_ID:Clang>:-fno-sanitize=function>)
    endif()
    if(SG_SANITIZE MATCHES "thread")
        add_compile_options(-Wno-tsan)
    endif()
endif()
