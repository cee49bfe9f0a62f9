#include <vector>

#include <support/catch.hpp>
#include <support/media_items.hpp>
#include <support/stage_harness.hpp>
#include <transcoders/audio_conform_stage.hpp>
#include <transcoders/conform_rate_stage.hpp>

using namespace sg;
using pipeline::Cue;

namespace {

struct Marks {
    std::vector<std::int64_t> gops;  ///< frames behind a Cue of any kind
    std::vector<std::int64_t> segments;
    std::int64_t frames = 0;
};

/// `count` pictures of exactly this rate through a live grid of it.
Marks marks_of(media::Rational rate,
               std::int64_t gop_ns,
               std::int64_t step,
               std::int64_t segment_gops,
               std::int64_t count) {
    transcoders::ConformRateOptions options;
    options.grid.rate = rate;
    options.gop_ns = gop_ns;
    options.gop_step = step;
    options.segment_gops = segment_gops;
    auto stage = transcoders::ConformRateStage::create(options);
    REQUIRE(stage);
    test::StageHarness harness(std::move(*stage), 1, 1);
    REQUIRE(harness.start(0, test::shared(test::video_info(16, 16, media::kNanoseconds, rate))));
    Marks marks;
    const auto look = [&] {
        const Cue* cue = nullptr;
        const auto items = harness.take();
        for (const auto& item : items) {
            if (const auto* held = std::get_if<Cue>(&item)) cue = held;
            const auto* frame = std::get_if<media::Frame>(&item);
            if (frame == nullptr) continue;
            CHECK(frame->pts() == marks.frames++);
            if (cue == nullptr) continue;
            marks.gops.push_back(frame->pts());
            if (cue->kind == Cue::Kind::kSegmentStart) marks.segments.push_back(frame->pts());
            cue = nullptr;
        }
    };
    for (std::int64_t n = 0; n < count; ++n) {
        const auto at =
            media::mul_div(n * rate.den, 1'000'000'000, rate.num, media::Rounding::kNearest);
        REQUIRE(harness.push(0, test::make_video_frame(16, 16, at)));
        look();
    }
    REQUIRE(harness.end(0));
    look();
    return marks;
}

}  // namespace

TEST_CASE("live grid: whole GOPs start where they must, and all pictures come out",
          "[transcoders]") {
    const auto marks = marks_of({30, 1}, 1'000'000'000, 1, 2, 150);
    CHECK(marks.frames == 150);
    CHECK(marks.gops == std::vector<std::int64_t>{0, 30, 60, 90, 120});
    CHECK(marks.segments == std::vector<std::int64_t>{0, 60, 120});
}

TEST_CASE("live grid: borders of 29.97 pictures a second stay within a picture of the clock",
          "[transcoders]") {
    const auto marks = marks_of({30000, 1001}, 2'000'000'000, 1, 1, 6000);
    REQUIRE(marks.gops.size() > 90);
    for (std::size_t k = 0; k < marks.gops.size(); ++k) {
        const auto at = static_cast<double>(marks.gops[k]) * 1001 / 30000;
        const auto late = at - 2.0 * static_cast<double>(k);
        CHECK(late >= -1e-9);
        CHECK(late < 0.0334);
    }
}

TEST_CASE("live grid: borders are frames of the slowest rung", "[transcoders]") {
    const auto marks = marks_of({60000, 1001}, 2'000'000'000, 2, 1, 3000);
    for (const auto frame : marks.gops) CHECK(frame % 2 == 0);
}

TEST_CASE("live sound: as much comes out as came, gaps are silent", "[transcoders]") {
    transcoders::AudioConformOptions options;
    options.samples = -1;
    options.stretch_one_in = 1000;
    auto stage = transcoders::AudioConformStage::create(options);
    REQUIRE(stage);
    test::StageHarness harness(std::move(*stage), 1, 1);
    REQUIRE(harness.start(0, test::shared(test::audio_info(48000, 2, media::kNanoseconds))));
    REQUIRE(harness.push(0, test::make_audio_frame(4800, 48000, 2, 0)));
    REQUIRE(harness.push(0, test::make_audio_frame(4800, 48000, 2, 300'000'000)));
    REQUIRE(harness.end(0));
    std::int64_t samples = 0;
    for (const auto* frame : harness.all<media::Frame>()) {
        CHECK(frame->pts() == samples);
        samples += frame->samples();
    }
    CHECK(samples == 19200);
}

TEST_CASE("live grid: a clock holds the picture while none comes, and borders go on",
          "[transcoders]") {
    transcoders::ConformRateOptions options;
    options.grid.rate = {25, 1};
    options.gop_ns = 1'000'000'000;
    auto stage = transcoders::ConformRateStage::create(options);
    REQUIRE(stage);
    test::StageHarness harness(std::move(*stage), 2, 1);
    const auto info =
        test::shared(test::video_info(16, 16, media::kNanoseconds, options.grid.rate));
    REQUIRE(harness.start(0, info));
    REQUIRE(harness.start(1, info));
    REQUIRE(harness.push(0, test::make_video_frame(16, 16, 0, 40)));
    REQUIRE(harness.push(1, test::make_packet({.pts = 1'200'000'000})));
    CHECK(harness.all<media::Frame>().size() == 30);
    CHECK(harness.all<Cue>().size() == 2);
    // One that was due before is shown from now on.
    REQUIRE(harness.push(0, test::make_video_frame(16, 16, 1'000'000'000, 80)));
    REQUIRE(harness.push(0, test::make_video_frame(16, 16, 1'320'000'000, 120)));
    REQUIRE(harness.end(1));
    REQUIRE(harness.end(0));
    const auto frames = harness.all<media::Frame>();
    REQUIRE(frames.size() == 34);
    for (std::size_t n = 0; n < frames.size(); ++n) {
        CHECK(frames[n]->pts() == static_cast<std::int64_t>(n));
        CHECK(test::first_byte(*frames[n]) == (n < 30 ? 40 : n < 33 ? 80 : 120));
    }
}

TEST_CASE("live sound: a clock fills in silence, and sound comes back where it belongs",
          "[transcoders]") {
    transcoders::AudioConformOptions options;
    options.samples = -1;
    options.stretch_one_in = 1000;
    auto stage = transcoders::AudioConformStage::create(options);
    REQUIRE(stage);
    test::StageHarness harness(std::move(*stage), 2, 1);
    const auto info = test::shared(test::audio_info(48000, 2, media::kNanoseconds));
    REQUIRE(harness.start(0, info));
    REQUIRE(harness.start(1, info));
    REQUIRE(harness.push(0, test::make_audio_frame(4800, 48000, 2, 0)));
    REQUIRE(harness.push(1, test::make_packet({.pts = 50'000'000})));
    REQUIRE(harness.push(1, test::make_packet({.pts = 500'000'000})));
    std::int64_t samples = 0;
    for (const auto* frame : harness.all<media::Frame>()) samples += frame->samples();
    CHECK(samples == 24000);
    // Half of it is there already, as silence.
    REQUIRE(harness.push(0, test::make_audio_frame(4800, 48000, 2, 450'000'000)));
    REQUIRE(harness.end(1));
    REQUIRE(harness.end(0));
    samples = 0;
    for (const auto* frame : harness.all<media::Frame>()) {
        CHECK(frame->pts() == samples);
        samples += frame->samples();
    }
    CHECK(samples == 26400);
}
