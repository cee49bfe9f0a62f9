#include "verify_names.hpp"

#include <support/catch.hpp>

using namespace sg::engine;

namespace {

std::string resolved(const std::string& root, const std::string& document, const std::string& uri) {
    const auto name = resolve_name(root, document, uri);
    return name ? *name : "refused";
}

}  // namespace

TEST_CASE("names in a folder are paths below it") {
    CHECK(resolved("", "index.m3u8", "720p/index.m3u8") == "720p/index.m3u8");
    CHECK(resolved("", "720p/index.m3u8", "seg-1.m4s") == "720p/seg-1.m4s");
    CHECK(resolved("", "720p/index.m3u8", "../audio/./seg-1.m4s?x=1#y") == "audio/seg-1.m4s");
    CHECK(resolved("", "a/b/c.m3u8", "../..//d.m4s") == "d.m4s");
    CHECK(resolved("", "index.m3u8", "my%20film/a%2Bb.m4s") == "my film/a+b.m4s");
    CHECK(resolved("", "manifest.mpd", "") == "manifest.mpd");
}

TEST_CASE("nothing in a folder leads out of it") {
    for (const char* uri : {"../x",
                            "a/../../x",
                            "%2e%2e/x",
                            "%2E%2E%2Fx",
                            "/etc/passwd",
                            "//host/x",
                            "http://host/x",
                            "file:///etc/passwd",
                            "x%00y",
                            "x%4",
                            "data:text/plain,x"}) {
        INFO(uri);
        CHECK(resolved("", "index.m3u8", uri) == "refused");
    }
    CHECK(resolved("", "index.m3u8", std::string(5000, 'a')) == "refused");
}

TEST_CASE("names at a URL are relative to where the presentation lies") {
    const std::string root = "https://host:8080/films/one/";
    CHECK(resolved(root, "index.m3u8", "720p/a%20b.m4s?t=1") == "720p/a%20b.m4s?t=1");
    CHECK(resolved(root, "720p/index.m3u8?t=1", "seg-1.m4s") == "720p/seg-1.m4s");
    CHECK(resolved(root, "720p/index.m3u8", "../audio/s.m4s") == "audio/s.m4s");
    CHECK(resolved(root, "index.m3u8", "/films/one/x.m4s") == "x.m4s");
    CHECK(resolved(root, "index.m3u8", "https://host:8080/films/one/x.m4s") == "x.m4s");
    CHECK(resolved(root, "index.m3u8", "//host:8080/other/x.m4s") ==
          "https://host:8080/other/x.m4s");
    CHECK(resolved(root, "index.m3u8", "../two/x.m4s") == "https://host:8080/films/two/x.m4s");
    CHECK(resolved(root, "https://host:8080/films/two/x.m3u8", "y.m4s") ==
          "https://host:8080/films/two/y.m4s");
}

TEST_CASE("another server, scheme or port is not followed") {
    const std::string root = "http://host/films/";
    for (const char* uri : {"http://other/x",
                            "http://host:81/x",
                            "https://host/x",
                            "//other/x",
                            "file:///etc/passwd",
                            "../../../x",
                            "ftp://host/x",
                            "http://host.evil/x",
                            "http://user@host/x"}) {
        INFO(uri);
        CHECK(resolved(root, "index.m3u8", uri) == "refused");
    }
}

TEST_CASE("the origin of a URL is its scheme, host and port") {
    CHECK(origin_of("http://a:1/b?c") == "http://a:1");
    CHECK(origin_of("https://a?b") == "https://a");
    CHECK(origin_of("/a/b").empty());
    CHECK(origin_of("file:///a").empty());
    CHECK(folder_of("a/b/c") == "a/b");
    CHECK(folder_of("c").empty());
}
