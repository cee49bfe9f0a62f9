#include "request_target.hpp"

#include <support/catch.hpp>

#include "request_parser.hpp"

using namespace sg::server;

TEST_CASE("request targets are decoded into a path and a raw query") {
    const auto target = parse_target("/live/caf%C3%A9/index.m3u8?a=%20&b");
    REQUIRE(target);
    CHECK(target->path == "/live/caf\xC3\xA9/index.m3u8");
    CHECK(target->query == "a=%20&b");
    CHECK(parse_target("http://host:80/a/b?c")->path == "/a/b");
    CHECK(parse_target("http://host")->path == "/");
    CHECK(parse_target("/a/")->path == "/a/");
}

TEST_CASE("targets that could leave their folder are refused") {
    for (const auto* bad : {"",      "a",    "*",   "/a/../b", "/a/%2e%2e/b", "/a/%2E./b", "/..",
                            "/.",    "/a/.", "//a", "/a//b",   "/a%2fb",      "/a\\b",     "/a%5cb",
                            "/a%00", "/%",   "/%2", "/%zz",    "/a#b",        "/a%0d%0ab"}) {
        INFO(bad);
        CHECK_FALSE(parse_target(bad));
    }
}

TEST_CASE("query parameters are found by name") {
    CHECK(query_parameter("a=1&b=2&a=3", "a") == "1");
    CHECK(query_parameter("a=1&b", "b") == "");
    CHECK(query_parameter("ab=1", "a") == std::nullopt);
    CHECK(query_parameter("", "a") == std::nullopt);
}

TEST_CASE("headers that could smuggle a second request are refused") {
    const auto status = [](std::string_view lines) {
        return parse_header(std::string("GET / HTTP/1.1\r\nHost: a\r\n").append(lines) + "\r\n")
            .status;
    };
    CHECK(status("") == 0);
    CHECK(status("Content-Length: 5\r\n") == 0);
    CHECK(status("Content-Length: 5\r\nContent-Length: 5\r\n") == 400);
    CHECK(status("Content-Length: +5\r\n") == 400);
    CHECK(status("Content-Length: 99999999999999999999\r\n") == 400);
    CHECK(status("Transfer-Encoding: gzip, chunked\r\n") == 501);
    CHECK(status("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n") == 400);
    CHECK(status("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n") == 400);
    CHECK(status("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n") != 0);
    CHECK(status("Bad Name: x\r\n") == 400);
    CHECK(parse_header("GET / HTTP/1.1\r\n\r\n").status == 400);
    CHECK(parse_header("GET / HTTP/1.0\r\n\r\n").status == 0);
    CHECK(parse_header("GET / HTTP/2.0\r\n\r\n").status != 0);
}
