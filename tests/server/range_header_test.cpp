#include <server/range_header.hpp>

#include <support/catch.hpp>

#include "playlist_directives.hpp"

using namespace sg::server;
using Kind = ByteRange::Kind;

TEST_CASE("ranges of bytes are cut to the object") {
    const auto check =
        [](std::string_view text, Kind kind, std::uint64_t first, std::uint64_t bytes) {
            INFO(text);
            const auto range = parse_range(text, 100);
            CHECK(range.kind == kind);
            CHECK(range.first == first);
            CHECK(range.bytes == bytes);
        };
    check("bytes=0-0", Kind::kPart, 0, 1);
    check("bytes=10-19", Kind::kPart, 10, 10);
    check("bytes=90-", Kind::kPart, 90, 10);
    check("bytes=90-1000", Kind::kPart, 90, 10);
    check("bytes=0-18446744073709551615", Kind::kPart, 0, 100);
    check("bytes=-10", Kind::kPart, 90, 10);
    check("bytes=-1000", Kind::kPart, 0, 100);
    check("Bytes= 1 - 2 ", Kind::kPart, 1, 2);
    check("bytes=100-", Kind::kUnsatisfiable, 0, 0);
    check("bytes=-0", Kind::kUnsatisfiable, 0, 0);
    for (const auto* whole : {"",
                              "bytes",
                              "bytes=",
                              "bytes=-",
                              "bytes=5-4",
                              "bytes=a-b",
                              "bytes=0-1,3-4",
                              "items=0-1",
                              "bytes=99999999999999999999-",
                              "bytes=+1-2",
                              "bytes=1--2"}) {
        check(whole, Kind::kWhole, 0, 0);
    }
    CHECK(parse_range("bytes=0-", 0).kind == Kind::kUnsatisfiable);
}

TEST_CASE("entity tags are compared weakly within lists") {
    CHECK(has_etag("\"a\"", "a"));
    CHECK(has_etag("\"b\", W/\"a\"", "a"));
    CHECK(has_etag("*", "a"));
    CHECK_FALSE(has_etag("", "a"));
    CHECK_FALSE(has_etag("a", "a"));
    CHECK_FALSE(has_etag("\"ab\"", "a"));
}

TEST_CASE("gzip is used only where it is accepted") {
    CHECK(accepts_gzip("gzip"));
    CHECK(accepts_gzip("deflate, GZIP;q=0.5, br"));
    CHECK_FALSE(accepts_gzip(""));
    CHECK_FALSE(accepts_gzip("br"));
    CHECK_FALSE(accepts_gzip("gzip;q=0"));
    CHECK_FALSE(accepts_gzip("gzip;q=0.000, br"));
}

TEST_CASE("delivery directives are read and malformed ones refused") {
    const auto both = parse_directives("a=b&_HLS_msn=7&_HLS_part=2&_HLS_skip=YES");
    REQUIRE(both);
    CHECK(both->msn == 7);
    CHECK(both->part == 2);
    CHECK(both->skip);
    CHECK(parse_directives("")->msn == std::nullopt);
    for (const auto* bad : {"_HLS_msn=",
                            "_HLS_msn=x",
                            "_HLS_msn=-1",
                            "_HLS_part=1",
                            "_HLS_msn=1&_HLS_part=y",
                            "_HLS_skip=NO",
                            "_HLS_msn",
                            "_HLS_msn=99999999999999999999"}) {
        INFO(bad);
        CHECK_FALSE(parse_directives(bad));
    }
}
