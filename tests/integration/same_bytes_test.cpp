#include <support/catch.hpp>

#include "made.hpp"
#include "program.hpp"
#include "quick.hpp"

using namespace sg::test;

TEST_CASE("any number of jobs gives the same bytes, and so does one process") {
    const TempFolder folder;
    auto clip = flash_and_beep(7.3);
    clip.video[0].b_frames = 2;
    const auto source = make_clip(folder / "film.mp4", clip).string();
    const auto make = [&](const std::string& name, std::vector<std::string> more) {
        more.insert(more.begin(), {source, "-o", (folder / name).string()});
        const auto ended = streamgate(quick_words(folder, more));
        INFO(ended.out << ended.err);
        REQUIRE(ended.exit_code == 0);
        return digests(folder / name);
    };
    const auto one = make("one", {"--jobs", "1"});
    CHECK(one.size() > 20);
    CHECK(make("again", {"--jobs", "1"}) == one);
    CHECK(make("two", {"--jobs", "2"}) == one);
    CHECK(make("three", {"--jobs", "3"}) == one);
    CHECK(make("alone", {"--in-process"}) == one);
    CHECK(make("early", {"--publish", "early", "--jobs", "2"}) == one);
}

TEST_CASE("another length of chunks gives other pictures but the same borders") {
    const TempFolder folder;
    const auto source = make_clip(folder / "film.mp4", flash_and_beep(5)).string();
    for (const char* chunk : {"1s", "4s"}) {
        const auto out = (folder / chunk).string();
        const auto ended = streamgate(
            quick_words(folder, {source, "-o", out, "--set", std::string("video.chunk=") + chunk}));
        INFO(ended.out << ended.err);
        REQUIRE(ended.exit_code == 0);
    }
    const auto a = read_rendition(folder / "1s", "high");
    const auto b = read_rendition(folder / "4s", "high");
    REQUIRE(a.segments.size() == b.segments.size());
    CHECK(digests(folder / "1s" / "audio") == digests(folder / "4s" / "audio"));
    for (std::size_t i = 0; i < a.segments.size(); ++i)
        CHECK(a.segments[i].first_pts() == b.segments[i].first_pts());
}
