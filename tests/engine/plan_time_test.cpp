#include <support/catch.hpp>

#include "plan_fixture.hpp"

using namespace sg;
using namespace sg::engine;
using namespace sg::engine::test;

namespace {

Source at_rate(media::Rational rate, double seconds = 30) {
    VideoTrait video;
    video.rate = rate;
    video.seconds = seconds;
    AudioTrait audio;
    audio.seconds = seconds;
    return film(video, audio);
}

/// Presentation time of the source's first picture.
std::int64_t first_picture(const pipeline::Plan& plan, const Source& source) {
    return source.index.video[0].first_ns + plan.source.timeline.epochs().front().shift_ns;
}

std::vector<std::int64_t> segment_ms(const pipeline::Plan& plan) {
    const auto& r = plan.video.renditions.front();
    std::vector<std::int64_t> lengths;
    for (std::size_t i = 1; i < r.borders.size(); ++i)
        lengths.push_back((r.borders[i] - r.borders[i - 1]) * 1000 / r.timescale);
    return lengths;
}

using Lengths = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("fast sources are shown at a rate that fits, whole pictures apart") {
    auto plan = planned(at_rate({100, 1}), preset("web-hd"));
    CHECK(plan.video.grid.rate == media::Rational{50, 1});
    CHECK(rendition(plan, "1080p").frame_rate == media::Rational{50, 1});
    CHECK(rendition(plan, "360p").frame_rate == media::Rational{25, 1});
    CHECK(noted(plan, "rate_reduced"));
    plan = planned(at_rate({120, 1}), preset("web-hd"));
    CHECK(plan.video.grid.rate == media::Rational{60, 1});
    CHECK(rendition(plan, "360p").frame_divisor == 2);
    plan = planned(at_rate({120000, 1001}), preset("mobile"));
    CHECK(plan.video.grid.rate == media::Rational{30000, 1001});
    // Beyond every display.
    CHECK(planned(at_rate({1000, 1}, 3), preset("archive")).video.grid.rate ==
          media::Rational{200, 1});
}

TEST_CASE("30 frames a second are under a limit of 29.97") {
    const auto plan = planned(at_rate({30, 1}),
                              preset("web-hd", {{"video.ladder.360p.max_frame_rate", "29.97"}}));
    CHECK(rendition(plan, "360p").frame_divisor == 1);
}

TEST_CASE("very slow sources repeat pictures") {
    const auto plan = planned(at_rate({1, 1}), preset("web-hd"));
    CHECK(plan.video.grid.rate == media::Rational{2, 1});
    CHECK(plan.video.grid.frames == 60);
    CHECK(noted(plan, "rate_raised"));
    CHECK(planned(at_rate({1, 60}, 600), preset("web-hd")).video.grid.rate ==
          media::Rational{2, 1});
}

TEST_CASE("the preset can fix the rate") {
    const auto plan =
        planned(at_rate({30000, 1001}), preset("web-hd", {{"video.frame_rate", "25"}}));
    CHECK(plan.video.grid.rate == media::Rational{25, 1});
    CHECK(noted(plan, "rate_changed"));
}

TEST_CASE("a phone's varying rate becomes the steady one it is near") {
    auto source = at_rate({2983, 100});
    auto& v = source.video_index();
    v.constant_rate = false;
    v.grid_rate = {0, 1};
    v.deltas = {{33'400'000, 700}, {33'300'000, 150}, {66'700'000, 10}};
    v.min_delta_ns = 20 * kMs;
    v.max_delta_ns = 120 * kMs;
    const auto plan = planned(source, preset("web-hd"));
    CHECK((plan.video.grid.rate == media::Rational{30, 1} ||
           plan.video.grid.rate == media::Rational{30000, 1001}));
    CHECK(noted(plan, "rate_made_constant"));
}

TEST_CASE("a grid with holes is used when pictures fill a good part of it") {
    auto source = at_rate({40, 1});
    auto& v = source.video_index();
    v.constant_rate = false;
    v.grid_rate = {60, 1};
    CHECK(planned(source, preset("web-hd")).video.grid.rate == media::Rational{60, 1});
    // Ten pictures a second on a grid of 60 are not worth six times the work.
    auto sparse = at_rate({10, 1});
    sparse.video_index().constant_rate = false;
    sparse.video_index().grid_rate = {60, 1};
    CHECK(planned(sparse, preset("web-hd")).video.grid.rate == media::Rational{10, 1});
}

TEST_CASE("slides that change every ten seconds are playable") {
    auto source = at_rate({1, 10}, 100);
    source.video_index().constant_rate = false;
    source.video_index().grid_rate = {0, 1};
    source.video_index().deltas = {{11 * kSec, 5}, {9 * kSec, 4}};
    const auto plan = planned(source, preset("web-hd"));
    CHECK(plan.video.grid.rate.as_double() >= 2.0);
    CHECK(plan.video.grid.rate.as_double() < 3.0);
}

TEST_CASE("a single picture is shown for its time") {
    VideoTrait one;
    one.rate = {25, 1};
    one.seconds = 0.04;
    Source alone;
    alone.add_video(one);
    auto plan = planned(alone, preset("web-hd"));
    CHECK(plan.video.grid.frames == 1);
    CHECK(noted(plan, "rate_unknown"));
    CHECK(noted(plan, "no_audio"));
    CHECK(plan.audio.empty());
    // With music it is held.
    plan = planned(film(one), preset("web-hd"));
    CHECK(plan.duration_ns == 30 * kSec);
    CHECK(noted(plan, "picture_held"));
}

TEST_CASE("a film of 0.3 seconds is one short segment") {
    const auto plan = planned(at_rate({30000, 1001}, 0.3), preset("web-hd"));
    CHECK(plan.segment_count == 1);
    CHECK(plan.video.chunks.size() == 1);
}

TEST_CASE("segments and GOPs are whole pictures at every rate, in every rung") {
    for (const media::Rational rate : {media::Rational{24000, 1001},
                                       media::Rational{24, 1},
                                       media::Rational{25, 1},
                                       media::Rational{30000, 1001},
                                       media::Rational{48, 1},
                                       media::Rational{50, 1},
                                       media::Rational{60000, 1001},
                                       media::Rational{60, 1},
                                       media::Rational{12, 1},
                                       media::Rational{7, 1},
                                       media::Rational{33333, 1000},
                                       media::Rational{19001, 317}}) {
        for (const int audio_rate : {48000, 44100, 8000}) {
            INFO(media::to_string(rate) << ", " << audio_rate);
            auto source = at_rate(rate, 61.7);
            source.facts.streams[1].audio.sample_rate = audio_rate;
            for (const auto* name : {"web-hd", "mobile", "archive", "av1-hd", "vp9-hd"})
                planned(source, preset(name));
        }
    }
}

TEST_CASE("29.97 frames a second make segments of 6.006 seconds") {
    const auto plan = planned(at_rate({30000, 1001}, 60), preset("web-hd"));
    CHECK(rendition(plan, "1080p").encoder.gop_frames == 60);
    CHECK(rendition(plan, "1080p").timescale == 30000);
    CHECK(segment_ms(plan).front() == 6006);
}

TEST_CASE("a short last segment joins the one before where the target duration allows it") {
    CHECK(segment_ms(planned(at_rate({50, 1}, 12.02), preset("archive"))) == Lengths{6000, 6020});
    CHECK(segment_ms(planned(at_rate({50, 1}, 12.4), preset("archive"))) == Lengths{6000, 6400});
    CHECK(segment_ms(planned(at_rate({50, 1}, 12.6), preset("archive"))) ==
          Lengths{6000, 6000, 600});
    // No room below the rounding of 6.4 s: a longer last segment would raise the target.
    const auto tight =
        preset("archive", {{"video.gop", "1600ms"}, {"packaging.segment", "6400ms"}});
    CHECK(segment_ms(planned(at_rate({50, 1}, 13.1), tight)) == Lengths{6400, 6400, 300});
    // But a segment that could hold no sound is none.
    CHECK(segment_ms(planned(at_rate({50, 1}, 12.82), tight)) == Lengths{6400, 6420});
}

TEST_CASE("long GOPs of fast sources stay within what encoders take") {
    const auto plan = planned(
        at_rate({240, 1}, 20),
        preset("archive",
               {{"video.gop", "10s"}, {"packaging.segment", "10s"}, {"video.chunk", "10s"}}));
    CHECK(plan.video.renditions[0].encoder.gop_frames <= 1000);
    CHECK(segment_ms(plan).front() == 10000);
}

TEST_CASE("chunks are runs of whole segments near the wanted length") {
    auto plan = planned(at_rate({25, 1}, 600), preset("web-hd"));
    CHECK(plan.video.chunks.size() == 25);
    CHECK(plan.video.chunks[1].start.position > 0);
    // A film a little longer than a chunk still gives two processes work.
    plan = planned(at_rate({25, 1}, 30), preset("web-hd"));
    CHECK(plan.video.chunks.size() == 2);
    plan = planned(at_rate({25, 1}, 24), preset("web-hd"));
    CHECK(plan.video.chunks.size() == 1);
    // One encoder keeps a fixed rate.
    Source source = at_rate({25, 1}, 600);
    auto fixed = preset("web-hd");
    fixed.video.rate_control = presets::RateControl::kBitrate;
    for (auto& rung : fixed.video.ladder) rung.bitrate_bps = *rung.max_bitrate_bps / 2;
    plan = planned(source, fixed);
    CHECK(plan.video.chunks.size() == 1);
    CHECK(noted(plan, "one_chunk"));
    CHECK(option(plan.video.renditions[0].encoder, "b") == "3000000");
}

TEST_CASE("a source that cannot seek is read from its start by every chunk") {
    auto source = at_rate({25, 1}, 120);
    source.index.seek = pipeline::SeekMethod::kScan;
    for (const auto& c : planned(source, preset("web-hd")).video.chunks)
        CHECK(c.start.pts == media::kNoTime);
}

TEST_CASE("a chunk's decoder starts early enough for the deinterlacer") {
    auto source = at_rate({25, 1}, 120);
    source.facts.streams[0].video.interlaced = true;
    const auto plan = planned(source, preset("web-hd"));
    REQUIRE(plan.video.chunks.size() > 1);
    // The key frame on the border itself would leave the first picture without the one before it.
    CHECK(plan.video.chunks[1].start.pts < plan.video.chunks[1].first_frame * 3600);
}

TEST_CASE("late sound is silence first") {
    AudioTrait audio;
    audio.first_ns = 5 * kSec;
    audio.seconds = 25;
    const auto source = film({}, audio);
    const auto plan = planned(source, preset("web-hd"));
    CHECK(first_picture(plan, source) == 0);
    CHECK(plan.audio[0].samples == 30 * 48000);
    CHECK(noted(plan, "audio_starts_late"));
}

TEST_CASE("late pictures are held from the start of the sound, exactly as far apart as they were") {
    VideoTrait video;
    video.first_ns = 500 * kMs;
    video.seconds = 29.5;
    video.rate = {30000, 1001};
    const auto source = film(video);
    const auto plan = planned(source, preset("web-hd"));
    const auto at = first_picture(plan, source);
    // On the grid, at the first place where all of the sound is presented.
    CHECK(at == plan.video.grid.time_ns(15));
    CHECK(source.index.audio[0].first_ns + plan.source.timeline.epochs().front().shift_ns >= 0);
    CHECK(noted(plan, "video_starts_late"));
}

TEST_CASE("sound that leads by an encoder's delay adds no picture") {
    AudioTrait audio;
    audio.first_ns = -21 * kMs;
    const auto source = film({}, audio);
    const auto plan = planned(source, preset("web-hd"));
    CHECK(first_picture(plan, source) == 0);
    CHECK(plan.video.grid.frames == 750);
    CHECK_FALSE(noted(plan, "video_starts_late"));
}

TEST_CASE("sound longer than the pictures holds the last one") {
    AudioTrait audio;
    audio.seconds = 33;
    const auto plan = planned(film({}, audio), preset("web-hd"));
    CHECK(plan.duration_ns == 33 * kSec);
    CHECK(noted(plan, "picture_held"));
    AudioTrait little;
    little.seconds = 30.05;
    const auto kept = planned(film({}, little), preset("web-hd"));
    CHECK(kept.video.grid.frames == 750);
    CHECK(kept.audio[0].samples == 48000 * 3005 / 100);
}

TEST_CASE("huge and negative start times change nothing but the timeline") {
    const auto usual = planned(film(), preset("web-hd"));
    for (const std::int64_t start : {19207 * kSec, -7 * kSec, 95'443 * kSec}) {
        VideoTrait video;
        video.first_ns = start;
        AudioTrait audio;
        audio.first_ns = start;
        const auto source = film(video, audio);
        const auto plan = planned(source, preset("web-hd"));
        CHECK(first_picture(plan, source) == 0);
        CHECK(plan.video.grid == usual.video.grid);
        CHECK(plan.video.renditions[0].borders == usual.video.renditions[0].borders);
        CHECK(plan.audio[0].borders == usual.audio[0].borders);
    }
}

TEST_CASE("every epoch of a jumping clock is moved by the same origin") {
    auto source = film();
    source.index.seek = pipeline::SeekMethod::kPosition;
    source.index.timeline =
        pipeline::TimelineMap({{0, 0}, {50'000, -1000 * kSec}, {90'000, 95'443 * kSec}});
    source.index.jumps = {{"forward", 50'000, 10 * kSec, 0, 0}, {"wrap", 90'000, 20 * kSec, 0, 0}};
    source.video_index().first_ns += 3 * kSec;
    source.video_index().end_ns += 3 * kSec;
    for (auto& k : source.video_index().key_frames) k.presentation_ns += 3 * kSec;
    source.audio_index().first_ns += 3 * kSec;
    source.audio_index().end_ns += 3 * kSec;
    const auto plan = planned(source, preset("web-hd"));
    const auto& epochs = plan.source.timeline.epochs();
    REQUIRE(epochs.size() == 3);
    CHECK(epochs[0].shift_ns == -3 * kSec);
    CHECK(epochs[1].shift_ns == -1003 * kSec);
    CHECK(epochs[2].shift_ns == 95'440 * kSec);
}

TEST_CASE("a source over the preset's length is refused before anything is made of it") {
    CHECK(refused(at_rate({25, 1}, 7200), preset("web-hd", {{"limits.max_duration", "1h"}})).code ==
          Errc::kLimit);
    auto absurd = film();
    absurd.video_index().end_ns = 3'000'000'000LL * kSec;
    CHECK(refused(absurd, preset("web-hd")).code == Errc::kLimit);
    auto silent = film();
    silent.audio_index().end_ns = 3'000'000'000LL * kSec;
    CHECK(refused(silent, preset("web-hd")).code == Errc::kLimit);
    auto apart = film();
    apart.audio_index().first_ns = -3'000'000'000LL * kSec;
    CHECK(refused(apart, preset("web-hd")).code == Errc::kLimit);
    CHECK(refused(absurd, preset("passthrough")).code == Errc::kLimit);
    CHECK(refused(silent, preset("audio-only")).code == Errc::kLimit);
}

TEST_CASE("what was repaired in the source is in the plan") {
    auto source = film();
    source.index.repairs = {{"pts_missing", 12, "12 pictures had no timestamp"}};
    source.index.truncated = true;
    const auto plan = planned(source, preset("web-hd"));
    CHECK(reasons(plan, "source_repair").find("12 pictures") != std::string::npos);
    CHECK(noted(plan, "truncated"));
}

TEST_CASE("tolerated decode errors are a share of a track") {
    CHECK(planned(film(), preset("web-hd", {{"limits.max_decode_errors_percent", "0"}}))
              .decode_errors_allowed == 0);
    CHECK(planned(film(), preset("web-hd", {{"limits.max_decode_errors_percent", "10"}}))
              .decode_errors_allowed == 141);
    CHECK(planned(at_rate({25, 1}, 0.2), preset("web-hd")).decode_errors_allowed >= 1);
}
