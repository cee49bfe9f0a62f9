#include "resource_path.hpp"

#include <string>

#include <support/catch.hpp>

using sg::live::parse_resource_path;
using Kind = sg::live::ResourcePath::Kind;

TEST_CASE("paths of a channel are taken apart") {
    CHECK(parse_resource_path("index.m3u8")->kind == Kind::kMultivariant);
    CHECK(parse_resource_path("manifest.mpd")->kind == Kind::kManifest);
    const auto playlist = parse_resource_path("1080p/index.m3u8");
    REQUIRE(playlist);
    CHECK(playlist->kind == Kind::kPlaylist);
    CHECK(playlist->rendition == "1080p");
    CHECK(parse_resource_path("ts.m3u8")->kind == Kind::kTsMultivariant);
    CHECK(parse_resource_path("1080p/ts.m3u8")->kind == Kind::kTsPlaylist);
    CHECK(parse_resource_path("1080p/init-0123abcd.mp4")->kind == Kind::kInit);
    const auto segment = parse_resource_path("a/k-3x-17.m4s");
    REQUIRE(segment);
    CHECK(segment->kind == Kind::kSegment);
    CHECK(segment->epoch == "k-3x");
    CHECK(segment->number == 17);
    const auto part = parse_resource_path("a/k3x-17.2.m4s");
    REQUIRE(part);
    CHECK(part->kind == Kind::kPart);
    CHECK(part->number == 17);
    CHECK(part->part == 2);
    CHECK(parse_resource_path("a/k3x-17.ts")->kind == Kind::kTsSegment);
}

TEST_CASE("hostile paths name nothing") {
    for (const std::string path : {"",
                                   "/",
                                   "a",
                                   "/index.m3u8",
                                   "a/b/index.m3u8",
                                   "../a-1.m4s/x",
                                   "a/-1.m4s",
                                   "a/k-.m4s",
                                   "a/k-01.m4s",
                                   "a/k-+1.m4s",
                                   "a/k-1.m4s.m4s",
                                   "a/k-1.2.3.m4s",
                                   "a/k-1.2.ts",
                                   "a/k-99999999999999999999.m4s",
                                   "a/k-1.99999999999.m4s"}) {
        INFO(path);
        const auto parsed = parse_resource_path(path);
        CHECK((!parsed || parsed->kind == Kind::kInit));
    }
}
