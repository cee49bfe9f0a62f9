#include <algorithm>

#include <packagers/live_packager.hpp>
#include <support/catch.hpp>

#include "live_segments.hpp"

using namespace sg::packagers;
using namespace sg::test;

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

}  // namespace

TEST_CASE("a GOP that outlasts the target duration is cut before it is exceeded") {
    LiveRecorder out;
    auto packager =
        *LivePackager::create(live_packager_config(), {live_video("v"), live_audio("a")}, out);
    LiveFeed feed(packager);
    feed.videos = {{}};
    feed.videos[0].gop = 250;  // 10 s
    feed.videos[0].reorder = GENERATE(false, true);
    feed.milliseconds = GENERATE(false, true);
    const std::int64_t rounding = feed.milliseconds ? 90 : 0;
    std::int64_t shown_until = -1;
    feed.audios = {{}};
    feed.run_until(41 * kSecond);
    REQUIRE(packager.finish());
    const auto& video = out.track(0);
    check_contiguous(video);
    check_contiguous(out.track(1));
    std::size_t dependent = 0;
    for (std::size_t i = 0; i < video.segments.size(); ++i) {
        const LiveSegment& s = *video.segments[i];
        CHECK(s.duration < 90'000 * 13 / 2);
        CHECK(out.track(1).segments[i]->duration < 48'000 * 13 / 2);
        CHECK(decode(s).front().key == s.independent);
        if (!s.independent) ++dependent;
        // What was decoded in one segment is shown in it.
        const auto [first, last] = shown(s);
        CHECK(std::abs(first - s.start) <= rounding);
        CHECK(first > shown_until);
        shown_until = last;
        // Every key frame is at a segment's start all the same.
        const auto samples = decode(s);
        CHECK(std::none_of(
            samples.begin() + 1, samples.end(), [](const Decoded& d) { return d.key; }));
    }
    CHECK(dependent == 4);
    CHECK(packager.counts().forced_cuts == 4);
    CHECK(packager.counts().dependent_segments == 4);
}

TEST_CASE("pictures that pause where a long GOP must be cut stay in the segment they came in") {
    LiveRecorder out;
    auto packager =
        *LivePackager::create(live_packager_config(), {live_video("v"), live_audio("a")}, out);
    LiveFeed feed(packager);
    feed.videos = {{}};
    feed.videos[0].gop = 250;  // 10 s
    feed.videos[0].reorder = GENERATE(false, true);
    // Across the 6.4 s at which it would be cut: by a pause, or by a leader that stalls.
    const std::int64_t pause = GENERATE(1'200, 5'000) * (kSecond / 1000);
    feed.audios = {{}};
    feed.run_until(16 * kSecond);
    const auto videos = std::exchange(feed.videos, {});
    feed.run_until(16 * kSecond + pause);
    feed.videos = videos;
    feed.run_until(41 * kSecond);
    REQUIRE(packager.finish());
    for (const std::size_t track : {0U, 1U}) {
        check_contiguous(out.track(track));
        const auto& segments = out.track(track).segments;
        for (std::size_t i = 0; i + 1 < segments.size(); ++i) {
            const LiveSegment& s = *segments[i];
            const auto scale = track == 0 ? 90'000 : 48'000;
            CHECK(s.duration < scale * 13 / 2);
            if (s.gap) continue;
            const auto [first, last] = shown(s);
            CHECK(first >= s.start);
            CHECK(last < s.start + s.duration);
            CHECK((track == 0 || first - s.start < 1024));
        }
    }
}

TEST_CASE("clean cuts of a GOP whose first pictures are shown before its key frame") {
    // Decoded I6 b4 b5 P9 b7 b8 P12 b10 b11: shown one picture after it is decoded.
    constexpr std::int64_t kPicture = 40'000'000;
    const std::vector<std::int64_t> shown_as = {6, 4, 5, 9, 7, 8, 12, 10, 11, 15};
    CleanCuts cuts;
    std::vector<std::size_t> clean;
    for (std::size_t i = 0; i < shown_as.size(); ++i) {
        const auto dts = static_cast<std::int64_t>(i + 3) * kPicture;
        if (i > 1 && cuts.is_clean(dts)) {
            clean.push_back(i);
            CHECK(cuts.shown_from(dts) == static_cast<std::int64_t>(i + 4) * kPicture);
        }
        cuts.add(shown_as[i] * kPicture, dts, i == 0);
    }
    CHECK(clean == std::vector<std::size_t>{3, 6, 9});
}

TEST_CASE("a segment lasts until its last picture, though some before that never came") {
    LiveRecorder out;
    auto packager = *LivePackager::create(live_packager_config(), {live_video("v")}, out);
    LiveFeed feed(packager);
    feed.videos = {{}};
    feed.videos[0].reorder = true;
    // Picture 18 was decoded, 16 and 17 were to follow.
    feed.run_until(17 * feed.videos[0].frame_ns - 30'000'000);
    REQUIRE(packager.finish());
    REQUIRE(out.track(0).segments.size() == 1);
    const LiveSegment& s = *out.track(0).segments[0];
    const auto last = shown(s).second;
    REQUIRE(decode(s).back().pts == last);
    CHECK(s.start + s.duration == last + 3600);
    check_parts(out.track(0), 45'000);
}

TEST_CASE("GOPs that do not divide the segment are not cut through") {
    LiveRecorder out;
    auto packager = *LivePackager::create(live_packager_config(), {live_video("v")}, out);
    LiveFeed feed(packager);
    feed.videos = {{}};
    feed.videos[0].gop = 95;  // 3.8 s: two would be 7.6 s
    feed.run_until(40 * kSecond);
    REQUIRE(packager.finish());
    CHECK(packager.counts().forced_cuts == 0);
    CHECK(out.track(0).segments[2]->duration == 95 * 3600);
}

TEST_CASE("other video renditions are cut at the same time, with or without a key frame there") {
    LiveRecorder out;
    auto packager =
        *LivePackager::create(live_packager_config(), {live_video("v"), live_video("w")}, out);
    LiveFeed feed(packager);
    feed.videos = {{}, {}};
    feed.videos[1].rendition = 1;
    feed.videos[1].gop = GENERATE(50, 60);
    feed.videos[0].reorder = feed.videos[1].reorder = GENERATE(false, true);
    feed.run_until(21 * kSecond);
    REQUIRE(packager.finish());
    const auto& a = out.track(0).segments;
    const auto& b = out.track(1).segments;
    REQUIRE(a.size() == b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
        // Where pictures are decoded in another order the cut comes at the next clean place.
        CHECK(b[i]->start - a[i]->start >= 0);
        CHECK(b[i]->start - a[i]->start <= (feed.videos[1].reorder ? 2 * 3600 : 0));
        CHECK(decode(*b[i]).front().key == b[i]->independent);
        CHECK(shown(*b[i]).first == b[i]->start);
    }
    CHECK(packager.counts().dependent_segments == (feed.videos[1].gop == 50 ? 0 : 4));
}
