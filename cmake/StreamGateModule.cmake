# sg_module(NAME base
#           SOURCES src/a.cpp ...
#           PUBLIC  sg::x ...     what its public headers need
#           PRIVATE sg::y ...)    what only its sources need
# Declares the static library sg_<name>, its alias sg::<name> and its include folder.
function(sg_module)
    cmake_parse_arguments(ARG "" "NAME" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
    set(target sg_${ARG_NAME})
    add_library(${target} STATIC ${ARG_SOURCES})
    add_library(sg::${ARG_NAME} ALIAS ${target})
    target_include_directories(${target} PUBLIC include PRIVATE src)
    target_link_libraries(${target} PUBLIC ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE} sg_warnings)
endfunction()

# sg_test(NAME formats SOURCES a_test.cpp ... LINK sg::formats ... LABEL unit|integration|golden|stress)
# One test program; the whole program is one CTest case, so a crash is seen as well as a failed assertion.
function(sg_test)
    cmake_parse_arguments(ARG "" "NAME;LABEL;TIMEOUT" "SOURCES;LINK" ${ARGN})
    set(target test_${ARG_NAME})
    add_executable(${target} ${ARG_SOURCES})
    target_link_libraries(${target} PRIVATE ${ARG_LINK} sg_test_support sg_warnings)
    if(NOT ARG_TIMEOUT)
        set(ARG_TIMEOUT 300)
    endif()
    add_test(NAME ${ARG_NAME} COMMAND ${target} WORKING_DIRECTORY ${CMAKE_BINARY_DIR})
    set_tests_properties(${ARG_NAME} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT})
    if(ARG_LABEL STREQUAL "unit")
        add_dependencies(unit-tests ${target})
    endif()
endfunction()

# sg_fuzzer(NAME m3u8 SOURCES m3u8_fuzz.cpp LINK sg::formats): a libFuzzer program fuzz_<name>.
function(sg_fuzzer)
    cmake_parse_arguments(ARG "" "NAME" "SOURCES;LINK" ${ARGN})
    if(NOT SG_BUILD_FUZZERS)
        return()
    endif()
    set(target fuzz_${ARG_NAME})
    add_executable(${target} ${ARG_SOURCES})
    target_link_libraries(${target} PRIVATE ${ARG_LINK} sg_warnings)
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
endfunction()
