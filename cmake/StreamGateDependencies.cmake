# Third parties, all from Debian. Each is linked PRIVATE by the one module that owns it (layers.txt).

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(CLI11 REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto SSL)
find_package(Boost 1.81 REQUIRED)
pkg_check_modules(pugixml REQUIRED IMPORTED_TARGET pugixml)
pkg_check_modules(libcurl REQUIRED IMPORTED_TARGET libcurl>=7.85)
pkg_check_modules(srt REQUIRED IMPORTED_TARGET srt>=1.5)
if(NOT "srt-gnutls" IN_LIST srt_LIBRARIES)
    message(FATAL_ERROR "libsrt is not the GnuTLS flavour, which libavformat uses too; two flavours in one process crash. Install libsrt-gnutls-dev.")
endif()
pkg_check_modules(sqlite3 REQUIRED IMPORTED_TARGET sqlite3>=3.40)
pkg_check_modules(gstreamer REQUIRED gstreamer-1.0>=1.20 gstreamer-app-1.0)
pkg_check_modules(libav REQUIRED IMPORTED_TARGET
    libavformat libavcodec libavfilter libavutil libswresample libswscale)

# Asio, header only, with what its coroutines need.
add_library(sg_asio INTERFACE)
target_link_libraries(sg_asio INTERFACE Boost::headers OpenSSL::SSL Threads::Threads)
target_compile_definitions(sg_asio INTERFACE BOOST_ASIO_NO_DEPRECATED)
