#include <algorithm>
#include <set>
#include <utility>

#include <packagers/live_packager.hpp>
#include <support/catch.hpp>

#include "live_segments.hpp"

using namespace sg::packagers;
using namespace sg::test;

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

}  // namespace

TEST_CASE("segments begin at key frames, and audio at the first frame behind them") {
    LiveRecorder out;
    auto packager =
        *LivePackager::create(live_packager_config(), {live_video("v"), live_audio("a")}, out);
    LiveFeed feed(packager);
    feed.videos = {{}};
    feed.videos[0].reorder = GENERATE(false, true);
    feed.audios = {{}};
    feed.run_until(21 * kSecond);
    REQUIRE(packager.finish());
    const auto& video = out.track(0);
    const auto& audio = out.track(1);
    REQUIRE(video.segments.size() == 6);
    REQUIRE(audio.segments.size() == 6);
    CHECK(video.started == 6);
    check_contiguous(video);
    check_contiguous(audio);
    check_parts(video, 45'000);
    check_parts(audio, 24'000);
    for (std::size_t i = 0; i < 5; ++i) {
        CHECK(video.segments[i]->duration == 4 * 90'000);
        CHECK(video.segments[i]->independent);
        CHECK(video.segments[i]->parts[0].independent);
        const auto border = video.segments[i]->start * 48'000 / 90'000;
        CHECK(audio.segments[i]->start >= border);
        CHECK(audio.segments[i]->start < border + 1024);
        CHECK(audio.segments[i]->number == video.segments[i]->number);
        const auto samples = decode(*video.segments[i]);
        CHECK(samples.front().key);
        CHECK(samples.front().pts == video.segments[i]->start);
        CHECK(decode(*audio.segments[i]).front().pts == audio.segments[i]->start);
        // One date for both, a moment later where the first frame is.
        const auto after = *audio.segments[i]->date - *video.segments[i]->date;
        CHECK(after >= std::chrono::milliseconds(0));
        CHECK(after < std::chrono::milliseconds(22));
    }
    const auto pictures = decode(video);
    CHECK(pictures.size() == 525);
    for (std::size_t i = 1; i < pictures.size(); ++i) {
        CHECK(pictures[i].dts == pictures[i - 1].dts + 3600);
        CHECK(pictures[i].dts == static_cast<std::int64_t>(i) * 3600);
    }
    CHECK(packager.counts().dependent_segments == 0);
    CHECK(packager.counts().bad_samples == 0);
    CHECK(packager.next_number() == 6);
}

TEST_CASE("parts divide segments evenly, and key frames begin parts") {
    LiveRecorder out;
    auto settings = live_packager_config();
    settings.segment = std::chrono::seconds(2);
    settings.part_target = std::chrono::milliseconds(360);
    auto packager = *LivePackager::create(settings, {live_video("v"), live_audio("a")}, out);
    LiveFeed feed(packager);
    feed.videos = {{}};
    const auto rate = GENERATE(25, 30, 50);
    feed.videos[0].frame_ns = kSecond / rate;
    feed.videos[0].gop = rate;
    feed.milliseconds = GENERATE(false, true);
    feed.audios = {{}};
    feed.run_until(21 * kSecond);
    REQUIRE(packager.finish());
    for (std::size_t track = 0; track < 2; ++track) {
        const std::int64_t target = track == 0 ? 32'400 : 17'280;
        for (std::size_t i = 1; i + 1 < out.track(track).segments.size(); ++i) {
            const auto& segment = *out.track(track).segments[i];
            CHECK(segment.parts.size() == 6);
            CHECK(segment.parts.back().duration * 100 >= target * 80);
            if (track == 0) CHECK(segment.parts[3].independent);
        }
    }
}

TEST_CASE("the part behind the newest one always comes to exist") {
    LiveRecorder out;
    auto settings = live_packager_config();
    settings.segment = std::chrono::seconds(2);
    settings.part_target = std::chrono::milliseconds(360);
    const std::vector<LiveRenditionConfig> renditions{live_video("v"), live_audio("a")};
    auto packager = *LivePackager::create(settings, renditions, out);
    LiveFeed feed(packager);
    feed.videos = {{}};
    const auto rate = GENERATE(25, 30, 60);
    feed.videos[0].frame_ns = kSecond / rate;
    feed.videos[0].gop = rate;
    feed.videos[0].reorder = GENERATE(false, true);
    feed.milliseconds = true;
    feed.audios = {{}};
    // What a playlist's EXT-X-PRELOAD-HINT would name after each millisecond.
    std::set<std::pair<std::size_t, std::size_t>> hinted[2];
    const auto until = [&](std::int64_t ms) {
        for (std::int64_t now = feed.now() / 1'000'000; now < ms; ++now) {
            feed.run_until((now + 1) * 1'000'000);
            for (std::size_t track = 0; track < 2; ++track) {
                const auto& made = out.track(track);
                std::size_t part = made.parts.size();
                for (const auto& segment : made.segments) part -= segment->parts.size();
                hinted[track].emplace(made.segments.size(), part);
            }
        }
    };
    // Publishers leave at any moment.
    for (const std::int64_t ms : {1'100, 3'717, 6'003, 9'360, 12'345, 14'721, 18'020}) {
        until(ms);
        REQUIRE(packager.discontinuity(renditions));
    }
    until(20'000);
    REQUIRE(packager.finish());
    REQUIRE(out.track(0).segments.front()->number == 0);
    for (std::size_t track = 0; track < 2; ++track) {
        CAPTURE(rate, track);
        CHECK(hinted[track].size() > 40);
        for (const auto& segment : out.track(track).segments)
            for (std::size_t part = 0; part < segment->parts.size(); ++part)
                hinted[track].erase({static_cast<std::size_t>(segment->number), part});
        CHECK(hinted[track].empty());
    }
}

TEST_CASE("audio with times in milliseconds counts samples and has no gaps") {
    LiveRecorder out;
    auto packager =
        *LivePackager::create(live_packager_config(), {live_video("v"), live_audio("a")}, out);
    LiveFeed feed(packager);
    feed.videos = {{}};
    feed.videos[0].frame_ns = 33'333'333;
    feed.videos[0].gop = 60;
    feed.audios = {{}};
    feed.milliseconds = true;
    feed.run_until(30 * kSecond);
    REQUIRE(packager.finish());
    const auto frames = decode(out.track(1));
    for (std::size_t i = 1; i < frames.size(); ++i)
        CHECK(frames[i].dts == frames[i - 1].dts + 1024);
    const auto pictures = decode(out.track(0));
    for (std::size_t i = 1; i < pictures.size(); ++i)
        CHECK(pictures[i].dts == pictures[i - 1].dts + pictures[i - 1].duration);
    // GOPs of 1.999 and 2.000 s: segments of two all the same.
    for (std::size_t i = 0; i + 1 < out.track(0).segments.size(); ++i)
        CHECK(std::abs(out.track(0).segments[i]->duration - 360'000) < 200);
    check_parts(out.track(0), 45'000);
}

TEST_CASE("start codes, delimiters and known parameter sets do not reach the segments") {
    LiveRecorder out;
    auto packager = *LivePackager::create(live_packager_config(), {live_video("v", true)}, out);
    LiveFeed feed(packager);
    feed.videos = {{}};
    feed.annex_b = true;
    feed.run_until(5 * kSecond);
    REQUIRE(packager.finish());
    for (const Decoded& d : decode(out.track(0))) CHECK(d.size == 404);
}

namespace {

LiveSample picture_at(std::int64_t ns, bool key) {
    LiveSample sample;
    sample.pts_ns = sample.dts_ns = ns;
    sample.key = key;
    for (const int b : {0, 0, 0, 3, key ? 0x65 : 0x41, 9, 9})
        sample.data.push_back(static_cast<std::byte>(b));
    return sample;
}

}  // namespace

TEST_CASE("of rungs whose key frames are aligned the smallest leads, and waits for no other") {
    LiveRecorder out;
    auto settings = live_packager_config();
    settings.aligned = true;
    auto small = live_video("w");
    small.codec.video.width /= 2;
    auto packager = *LivePackager::create(settings, {live_video("v"), small}, out);
    constexpr std::int64_t kFrame = 40'000'000;
    constexpr int kLate = 15;
    // The large one comes late, and has lost all but a few of its pictures.
    for (int n = 0; n < 500; ++n) {
        REQUIRE(packager.add(1, picture_at(n * kFrame, n % 50 == 0)));
        const int m = n - kLate;
        const bool key = m % 50 == 0;
        if (m >= 0 && (key || m % 7 == 0)) REQUIRE(packager.add(0, picture_at(m * kFrame, key)));
        if (n % 100 == 10 && n > 100) {
            CHECK(out.track(1).segments.size() == static_cast<std::size_t>(n / 100));
            CHECK(out.track(0).segments.size() == static_cast<std::size_t>(n / 100) - 1);
        }
    }
    REQUIRE(packager.finish());
    REQUIRE(out.track(0).segments.size() == 5);
    for (std::size_t i = 0; i < 5; ++i) {
        const auto& large = out.track(0).segments[i];
        CHECK(large->start == out.track(1).segments[i]->start);
        CHECK(large->independent);
        const auto samples = decode(*large);
        if (i == 4) continue;  // it ends where its last picture does
        CHECK(large->duration == out.track(1).segments[i]->duration);
        std::int64_t sum = 0;
        for (const auto& each : samples) sum += each.duration;
        CHECK(sum == large->duration);
    }
    check_contiguous(out.track(0));
}

TEST_CASE("a rung that has next to nothing never reaches over a segment's border") {
    LiveRecorder out;
    auto settings = live_packager_config();
    settings.aligned = true;
    settings.segment = std::chrono::seconds(2);
    auto small = live_video("w");
    small.codec.video.width /= 2;
    auto packager = *LivePackager::create(settings, {live_video("v"), small}, out);
    constexpr std::int64_t kFrame = 40'000'000;
    const std::set<int> made{0, 3, 60, 130, 150, 340, 350, 400};
    const int late = GENERATE(0, 15, 70);
    for (int n = 0; n < 500; ++n) {
        REQUIRE(packager.add(1, picture_at(n * kFrame, n % 50 == 0)));
        const int m = n - late;
        if (made.contains(m))
            static_cast<void>(packager.add(0, picture_at(m * kFrame, m % 50 == 0)));
    }
    REQUIRE(packager.finish());
    check_contiguous(out.track(0));
    REQUIRE(out.track(0).segments.size() == out.track(1).segments.size());
    for (const auto& segment : out.track(0).segments) {
        INFO(segment->number);
        CHECK(segment->start ==
              out.track(1).segments[static_cast<std::size_t>(segment->number)]->start);
        const auto samples = decode(*segment);
        CHECK(segment->gap == samples.empty());
        if (samples.empty()) continue;
        CHECK(samples.front().dts >= segment->start);
        // The last picture is seen until the next segment begins.
        const auto end = samples.back().dts + samples.back().duration;
        if (segment != out.track(0).segments.back())
            CHECK(end == segment->start + segment->duration);
    }
}

TEST_CASE("a track that stays away leaves gaps of the right length, and may come late") {
    LiveRecorder out;
    auto packager =
        *LivePackager::create(live_packager_config(), {live_video("v"), live_audio("a")}, out);
    LiveFeed feed(packager);
    feed.videos = {{}};
    feed.run_until(13 * kSecond);
    REQUIRE(out.track(0).segments.size() == 3);
    REQUIRE(out.track(1).segments.size() == 2);
    CHECK(out.track(1).segments[0]->gap);
    CHECK(out.track(1).segments[1]->gap);
    CHECK(out.track(1).segments[1]->duration == 4 * 48'000);
    feed.audios = {{}};
    feed.run_until(25 * kSecond);
    REQUIRE(packager.finish());
    check_contiguous(out.track(1));
    REQUIRE(out.track(1).segments.size() == out.track(0).segments.size());
    CHECK_FALSE(out.track(1).segments[3]->gap);
    const auto late = out.track(1).segments[4]->start - out.track(0).segments[4]->start * 48 / 90;
    CHECK(late >= 0);
    CHECK(late < 1024);
    CHECK(packager.counts().gap_segments == 3);
}

TEST_CASE("when the leader stalls the others go on without it") {
    LiveRecorder out;
    auto packager =
        *LivePackager::create(live_packager_config(), {live_video("v"), live_audio("a")}, out);
    LiveFeed feed(packager);
    feed.videos = {{}};
    feed.audios = {{}};
    feed.run_until(6 * kSecond);
    const auto videos = std::exchange(feed.videos, {});
    feed.run_until(20 * kSecond);
    // Audio up to 18 s is placed: 2 s are held back.
    REQUIRE(out.track(1).segments.size() >= 3);
    REQUIRE(out.track(0).segments.size() >= 3);
    CHECK(out.track(0).segments[2]->gap);
    feed.videos = videos;
    feed.run_until(31 * kSecond);
    REQUIRE(packager.finish());
    check_contiguous(out.track(0));
    check_contiguous(out.track(1));
    CHECK(out.track(0).segments.size() == out.track(1).segments.size());
    CHECK(out.track(0).segments.back()->independent);
    const auto frames = decode(out.track(1));
    for (std::size_t i = 1; i < frames.size(); ++i)
        CHECK(frames[i].dts == frames[i - 1].dts + 1024);
}

TEST_CASE("a hole in a lone track makes gap segments, none longer than the target") {
    LiveRecorder out;
    auto packager = *LivePackager::create(live_packager_config(), {live_video("v")}, out);
    LiveFeed feed(packager);
    feed.videos = {{}};
    feed.run_until(6 * kSecond);
    feed.skip_until(24 * kSecond);
    feed.run_until(33 * kSecond);
    REQUIRE(packager.finish());
    check_contiguous(out.track(0));
    for (const auto& s : out.track(0).segments) CHECK(s->duration < 90'000 * 13 / 2);
    CHECK(packager.counts().gap_segments >= 2);
}

TEST_CASE("a discontinuity closes all renditions; only changed ones get another init segment") {
    LiveRecorder out;
    auto packager =
        *LivePackager::create(live_packager_config(), {live_video("v"), live_audio("a")}, out);
    LiveFeed feed(packager);
    feed.videos = {{}};
    feed.audios = {{}};
    feed.run_until(7 * kSecond);
    auto changed = live_audio("a");
    changed.codec.audio.channels = 1;
    changed.codec.payload.back() ^= std::byte{8};
    REQUIRE(packager.discontinuity({live_video("v"), changed, live_video("w")}));
    CHECK(out.track(0).segments.size() == 2);
    CHECK(out.track(1).segments.size() == 2);
    CHECK(out.track(0).inits.size() == 1);
    CHECK(out.track(1).inits.size() == 2);
    CHECK(out.track(2).inits.size() == 1);
    feed.videos.push_back({});
    feed.videos[1].rendition = 2;
    feed.skip_until(8 * kSecond);
    feed.run_until(20 * kSecond);
    REQUIRE(packager.discontinuity({live_video("v")}));
    CHECK(out.track(1).ended);
    CHECK(out.track(2).ended);
    const auto& video = out.track(0).segments;
    CHECK(video[1]->number == 1);
    CHECK(video[2]->number == 2);
    CHECK(video[2]->discontinuity);
    CHECK(video[2]->start == 8 * 90'000);
    CHECK_FALSE(video[3]->discontinuity);
    CHECK(out.track(1).segments[2]->discontinuity);
    CHECK(out.track(2).segments[0]->number == 2);
    CHECK(out.track(1).segments[2]->init != out.track(1).segments[1]->init);
    CHECK(packager.next_number() == 5);
}

TEST_CASE("a damaged sample is left out with all that needs it") {
    LiveRecorder out;
    auto packager = *LivePackager::create(live_packager_config(), {live_video("v")}, out);
    LiveFeed feed(packager);
    feed.videos = {{}};
    feed.run_until(kSecond);
    LiveSample bad;
    bad.pts_ns = bad.dts_ns = feed.now() - 20'000'000;
    bad.data = std::vector<std::byte>(9, std::byte{0x7f});
    CHECK_FALSE(packager.add(0, std::move(bad)));
    feed.run_until(9 * kSecond);
    REQUIRE(packager.finish());
    CHECK(packager.counts().bad_samples == 1);
    CHECK(packager.counts().dropped_samples == 25);
    CHECK(decode(out.track(0)).size() == 200);
}

TEST_CASE("an audio channel is led by its audio") {
    LiveRecorder out;
    auto packager = *LivePackager::create(live_packager_config(), {live_audio("a")}, out);
    LiveFeed feed(packager);
    feed.audios = {{0, 60}};
    feed.run_until(21 * kSecond);
    REQUIRE(packager.finish());
    check_contiguous(out.track(0));
    check_parts(out.track(0), 24'000);
    REQUIRE(out.track(0).segments.size() == 6);
    CHECK(std::abs(out.track(0).segments[0]->duration - 4 * 48'000) <= 1024);
}

TEST_CASE("times far ahead are refused, not filled with segments") {
    LiveRecorder out;
    auto packager = *LivePackager::create(live_packager_config(), {live_video("v")}, out);
    LiveFeed feed(packager);
    feed.videos = {{}};
    feed.run_until(5 * kSecond);
    LiveSample far;
    far.pts_ns = far.dts_ns = std::int64_t{1} << 60;
    far.key = true;
    CHECK_FALSE(packager.add(0, std::move(far)));
    feed.run_until(9 * kSecond);
    REQUIRE(packager.finish());
    CHECK(out.track(0).segments.size() == 3);
}

TEST_CASE("behind a border sound does not wait for long for the leader's key frame") {
    LiveRecorder out;
    const std::vector<LiveRenditionConfig> renditions{live_video("v"), live_audio("a")};
    auto packager = *LivePackager::create(live_packager_config(), renditions, out);
    LiveFeed feed(packager);
    feed.videos = {{.gop = 425}};
    feed.audios = {{}};
    feed.run_until(6 * kSecond);
    feed.skip_until(9 * kSecond);
    REQUIRE(packager.discontinuity(renditions));
    const auto before = out.track(1).segments.size();
    feed.run_until(16 * kSecond);
    CHECK(out.track(1).segments.size() > before);
    // Two seconds are held back.
    CHECK(out.track(1).parts.back().start > (13 * kSecond) / 1'000'000 * 48);
    feed.run_until(26 * kSecond);
    REQUIRE(packager.finish());
    check_contiguous(out.track(0));
    check_contiguous(out.track(1));
    CHECK(out.track(0).segments.size() == out.track(1).segments.size());
    CHECK(out.track(0).segments[before]->gap);
    CHECK_FALSE(out.track(0).segments.back()->gap);
}
