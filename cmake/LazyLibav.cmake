# Which functions are needed is read from the archives themselves; what is missing here shows up as an undefined reference.
set(lazy_default OFF)
if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64" AND NOT SG_SANITIZE)
    set(lazy_default ON)
endif()
option(SG_LAZY_LIBAV "Load libav, libcurl and libsrt when one is first called, so that the program starts quickly" ${lazy_default})

# sg_lazy_libav(TARGET streamgate ARCHIVES sg_ingest ...): the executable is linked with trampolines instead of libav, libcurl and libsrt.
function(sg_lazy_libav)
    cmake_parse_arguments(ARG "" "TARGET" "ARCHIVES" ${ARGN})
    if(NOT SG_LAZY_LIBAV)
        return()
    endif()
    set(archives "")
    foreach(archive IN LISTS ARG_ARCHIVES)
        list(APPEND archives $<TARGET_FILE:${archive}>)
    endforeach()
    set(libraries "")
    foreach(name avutil swresample swscale avcodec avformat avfilter)
        find_library(SG_LAZY_${name} ${name} HINTS ${libav_LIBRARY_DIRS} REQUIRED)
        list(APPEND libraries ${SG_LAZY_${name}})
    endforeach()
    find_library(SG_LAZY_curl curl HINTS ${libcurl_LIBRARY_DIRS} REQUIRED)
    list(APPEND libraries ${SG_LAZY_curl})
    find_library(SG_LAZY_srt srt-gnutls HINTS ${srt_LIBRARY_DIRS} REQUIRED)
    list(APPEND libraries ${SG_LAZY_srt})
    set(out ${CMAKE_CURRENT_BINARY_DIR}/lazy_libav.S)
    add_custom_command(
        OUTPUT ${out}
        COMMAND ${CMAKE_COMMAND} "-DARCHIVES=$<JOIN:${archives},$<COMMA>>" "-DLIBRARIES=$<JOIN:${libraries},$<COMMA>>"
                -DNM=${CMAKE_NM} -DOBJDUMP=${CMAKE_OBJDUMP} -DARCH=${CMAKE_SYSTEM_PROCESSOR} -DOUT=${out}
                -P ${CMAKE_SOURCE_DIR}/cmake/lazy_libav.cmake
        DEPENDS ${ARG_ARCHIVES} ${CMAKE_SOURCE_DIR}/cmake/lazy_libav.cmake
        COMMENT "Writing trampolines for libav"
        VERBATIM)
    target_sources(${ARG_TARGET} PRIVATE
        ${out}
        ${CMAKE_SOURCE_DIR}/media/av/lazy/enter_${CMAKE_SYSTEM_PROCESSOR}.S
        ${CMAKE_SOURCE_DIR}/media/av/lazy/resolve.cpp)
    target_link_libraries(${ARG_TARGET} PRIVATE ${CMAKE_DL_LIBS})
    # Seen by sg_media_av_headers: no libav on this program's link line.
    set_target_properties(${ARG_TARGET} PROPERTIES SG_LAZY ON)
endfunction()
