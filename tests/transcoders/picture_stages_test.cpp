#include <utility>

#include <support/catch.hpp>
#include <transcoders/conform_rate_stage.hpp>
#include <transcoders/filters.hpp>
#include <transcoders/frame_filter_stage.hpp>
#include <transcoders/quality_probe.hpp>
#include <transcoders/scale_stage.hpp>

#include "moving_pictures.hpp"

using namespace sg;
using pipeline::Cue;
using pipeline::Flow;

namespace {

constexpr std::int64_t kMs = 1'000'000;

transcoders::ConformRateOptions chunk(std::int64_t first,
                                      std::int64_t frames,
                                      transcoders::ConformRateReport* report = nullptr) {
    transcoders::ConformRateOptions options;
    options.grid = {{25, 1}, 1000};
    options.first_frame = first;
    options.frames = frames;
    options.gop_frames = 5;
    options.segment_starts = {0, 10, 20, 30, 1000};
    options.report = report;
    return options;
}

std::unique_ptr<test::StageHarness> rate_harness(transcoders::ConformRateOptions options) {
    auto stage = transcoders::ConformRateStage::create(std::move(options));
    REQUIRE(stage);
    auto harness = std::make_unique<test::StageHarness>(std::move(*stage), 1, 1);
    REQUIRE(harness->start(0, test::shared(test::video_info(32, 32, media::kNanoseconds, {0, 1}))));
    return harness;
}

/// (pts, luma) of each frame that came out.
std::vector<std::pair<std::int64_t, int>> shown(const test::StageHarness& harness, int port = 0) {
    std::vector<std::pair<std::int64_t, int>> out;
    for (const auto* frame : harness.all<media::Frame>(port))
        out.emplace_back(frame->pts(), test::first_byte(*frame));
    return out;
}

transcoders::ScaleTarget target(int width, int height, int from = -1, std::int64_t divisor = 1) {
    return {width, height, {1, 1}, "yuv420p", {1, 1, 1, false}, divisor, from};
}

media::StreamInfoPtr grid_info(int width, int height, const std::string& format = "yuv420p") {
    auto info = test::video_info(width, height, {1, 25}, {25, 1});
    info.pixel_format = format;
    info.colour = {1, 1, 1, false};
    return test::shared(info);
}

}  // namespace

TEST_CASE("the frame grid takes the nearest picture, holds it over gaps and counts what it did") {
    transcoders::ConformRateReport report;
    const auto held = rate_harness(chunk(0, 6, &report));
    auto& harness = *held;
    // Frames last 40 ms. The picture at 45 ms is replaced at once by the one at 50 ms; then nothing
    // until 170 ms.
    for (const auto& [ms, luma] : {std::pair{0, 10}, {45, 20}, {50, 30}, {170, 40}}) {
        REQUIRE(harness.push(
            0, test::make_video_frame(32, 32, ms * kMs, static_cast<std::uint8_t>(luma))));
    }
    const auto ended = harness.end(0);
    REQUIRE(ended);
    CHECK(*ended == Flow::kDone);
    const std::vector<std::pair<std::int64_t, int>> expected{
        {0, 10}, {1, 30}, {2, 30}, {3, 30}, {4, 40}, {5, 40}};
    CHECK(shown(harness) == expected);
    CHECK(report.frames == 6);
    CHECK(report.duplicated == 3);
    CHECK(report.dropped == 1);
}

TEST_CASE("a chunk in the middle shows the same pictures as the whole") {
    const auto run = [](std::int64_t first, std::int64_t frames, int from_picture) {
        const auto held = rate_harness(chunk(first, frames));
        auto& harness = *held;
        // 30 pictures a second on a grid of 25.
        for (int i = from_picture; i < 40; ++i) {
            const auto flow =
                harness.push(0,
                             test::make_video_frame(32,
                                                    32,
                                                    i * std::int64_t{1'000'000'000} / 30,
                                                    static_cast<std::uint8_t>(20 + i)));
            REQUIRE(flow);
            if (*flow == Flow::kDone) return shown(harness);
        }
        REQUIRE(harness.end(0));
        return shown(harness);
    };
    const auto whole = run(0, 30, 0);
    REQUIRE(whole.size() == 30);
    const auto middle = run(10, 10, 6);
    REQUIRE(middle.size() == 10);
    for (std::size_t i = 0; i < 10; ++i) CHECK(middle[i] == whole[i + 10]);
}

TEST_CASE("segments and GOPs are cued in front of their frames") {
    const auto held = rate_harness(chunk(10, 12));
    auto& harness = *held;
    for (int i = 8; i < 30; ++i) {
        const auto flow = harness.push(0, test::make_video_frame(32, 32, i * 40 * kMs));
        REQUIRE(flow);
        if (*flow == Flow::kDone) break;
    }
    std::vector<std::pair<std::int64_t, Cue::Kind>> cues;
    const Cue* pending = nullptr;
    for (const auto& item : harness.emitted()) {
        if (const auto* cue = std::get_if<Cue>(&item)) pending = cue;
        if (const auto* frame = std::get_if<media::Frame>(&item)) {
            if (pending != nullptr) cues.emplace_back(frame->pts(), pending->kind);
            pending = nullptr;
        }
    }
    const std::vector<std::pair<std::int64_t, Cue::Kind>> expected{
        {10, Cue::Kind::kSegmentStart}, {15, Cue::Kind::kGopStart}, {20, Cue::Kind::kSegmentStart}};
    CHECK(cues == expected);
}

TEST_CASE("a chunk of which no picture can be decoded is an error") {
    const auto held = rate_harness(chunk(0, 6));
    auto& harness = *held;
    const auto ended = harness.end(0);
    REQUIRE_FALSE(ended);
    CHECK(ended.error().code == Errc::kBadData);
}

TEST_CASE("pictures whose times run backwards do not disturb the grid") {
    const auto held = rate_harness(chunk(0, 4));
    auto& harness = *held;
    for (const int ms : {0, 80, 40, 120})
        REQUIRE(harness.push(
            0, test::make_video_frame(32, 32, ms * kMs, static_cast<std::uint8_t>(ms))));
    REQUIRE(harness.end(0));
    const std::vector<std::pair<std::int64_t, int>> expected{{0, 0}, {1, 0}, {2, 80}, {3, 120}};
    CHECK(shown(harness) == expected);
}

TEST_CASE("one picture becomes one for each target, scaled from the larger one") {
    auto stage =
        transcoders::ScaleStage::create({target(128, 72), target(64, 36, 0), target(32, 18, 1)});
    REQUIRE(stage);
    test::StageHarness harness(std::move(*stage), 1, 3);
    REQUIRE(harness.start(0, grid_info(128, 72)));
    for (int n = 0; n < 3; ++n) {
        if (n == 0) REQUIRE(harness.push(0, Cue{Cue::Kind::kSegmentStart}));
        const auto flow = harness.push(0, test::gradient(128, 72, n));
        if (!flow) FAIL(flow.error().message);
    }
    REQUIRE(harness.end(0));
    const int widths[] = {128, 64, 32};
    for (int port = 0; port < 3; ++port) {
        const auto frames = harness.all<media::Frame>(port);
        REQUIRE(frames.size() == 3);
        CHECK(frames[0]->width() == widths[port]);
        CHECK(frames[2]->pts() == 2);
        CHECK(harness.all<Cue>(port).size() == 1);
        CHECK(harness.all<pipeline::StreamStart>(port).front()->info->width == widths[port]);
        // The gradient is bright on the whole; black would be a lost picture.
        CHECK(test::first_byte(*frames[0]) > 30);
    }
}

TEST_CASE("a target with a frame divisor gets every second frame on a grid of its own") {
    auto stage = transcoders::ScaleStage::create({target(64, 36), target(32, 18, 0, 2)});
    REQUIRE(stage);
    test::StageHarness harness(std::move(*stage), 1, 2);
    REQUIRE(harness.start(0, grid_info(128, 72)));
    for (int n = 10; n < 15; ++n) REQUIRE(harness.push(0, test::gradient(128, 72, n)));
    REQUIRE(harness.end(0));
    CHECK(harness.all<media::Frame>(0).size() == 5);
    const auto half = harness.all<media::Frame>(1);
    REQUIRE(half.size() == 3);
    CHECK(half[0]->pts() == 5);
    CHECK(half[2]->pts() == 7);
    CHECK(harness.all<pipeline::StreamStart>(1).front()->info->timebase == media::Rational{2, 25});
}

TEST_CASE("odd sizes, other chroma and 10 bits are scaled to what the plan says") {
    for (const auto* format :
         {"yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p12le"}) {
        DYNAMIC_SECTION(format) {
            auto stage = transcoders::ScaleStage::create({target(64, 36)});
            REQUIRE(stage);
            test::StageHarness harness(std::move(*stage), 1, 1);
            REQUIRE(harness.start(0, grid_info(161, 121, format)));
            const auto flow = harness.push(0, test::gradient(161, 121, 0, format));
            if (!flow) FAIL(flow.error().message);
            const auto frames = harness.all<media::Frame>();
            REQUIRE(frames.size() == 1);
            CHECK(frames[0]->width() == 64);
            CHECK(test::first_byte(*frames[0]) >= 38);
            CHECK(test::first_byte(*frames[0]) <= 46);
        }
    }
}

TEST_CASE("full range becomes limited range when the plan says so") {
    auto stage = transcoders::ScaleStage::create({target(32, 32)});
    REQUIRE(stage);
    test::StageHarness harness(std::move(*stage), 1, 1);
    auto info = test::video_info(64, 64, {1, 25}, {25, 1});
    info.colour = {1, 1, 1, true};
    REQUIRE(harness.start(0, test::shared(info)));
    auto conform =
        transcoders::ConformSizeStage::create({64, 64, "yuv420p", {1, 1}, {1, 1, 1, true}});
    REQUIRE(conform);
    test::StageHarness tagger(std::move(*conform), 1, 1);
    REQUIRE(tagger.start(0, test::shared(info)));
    REQUIRE(tagger.push(0, test::make_video_frame(64, 64, 0, 255)));
    REQUIRE(harness.push(0, tagger.all<media::Frame>().front()->share()));
    REQUIRE(harness.all<media::Frame>().size() == 1);
    CHECK(test::first_byte(*harness.all<media::Frame>().front()) == 235);
}

TEST_CASE("an output that is no longer wanted does not stop the others") {
    auto stage = transcoders::ScaleStage::create({target(64, 36), target(32, 18)});
    REQUIRE(stage);
    test::StageHarness harness(std::move(*stage), 1, 2);
    REQUIRE(harness.start(0, grid_info(128, 72)));
    harness.refuse(0);
    auto flow = harness.push(0, test::gradient(128, 72, 0));
    REQUIRE(flow);
    CHECK(*flow == Flow::kContinue);
    harness.refuse(1);
    flow = harness.push(0, test::gradient(128, 72, 1));
    REQUIRE(flow);
    CHECK(*flow == Flow::kDone);
}

TEST_CASE("scaling from a picture that is not there is refused") {
    CHECK_FALSE(transcoders::ScaleStage::create({target(64, 36, 1), target(32, 18)}));
    CHECK_FALSE(transcoders::ScaleStage::create({target(64, 36, -1, 2), target(32, 18, 0, 1)}));
    CHECK_FALSE(transcoders::ScaleStage::create({}));
}

TEST_CASE("without steps the filter stage passes everything on") {
    auto stage = transcoders::FrameFilterStage::create({});
    REQUIRE(stage);
    test::StageHarness harness(std::move(*stage), 1, 1);
    REQUIRE(harness.start(0, grid_info(64, 36)));
    REQUIRE(harness.push(0, test::gradient(64, 36, 7)));
    REQUIRE(harness.end(0));
    CHECK(harness.emitted().size() == 3);
}

TEST_CASE("deinterlacing keeps the number of frames, their times and their cues") {
    auto stage = transcoders::FrameFilterStage::create(
        transcoders::deinterlace_filters(transcoders::DeinterlaceOutput::kFrame,
                                         transcoders::DeinterlaceWhich::kAll,
                                         transcoders::FieldOrder::kTopFirst));
    REQUIRE(stage);
    test::StageHarness harness(std::move(*stage), 1, 1);
    REQUIRE(harness.start(0, grid_info(64, 36)));
    for (int n = 0; n < 5; ++n) {
        if (n == 3) REQUIRE(harness.push(0, Cue{}));
        REQUIRE(harness.push(0, test::gradient(64, 36, n)));
    }
    REQUIRE(harness.end(0));
    const auto frames = harness.all<media::Frame>();
    REQUIRE(frames.size() == 5);
    bool cued = false;
    std::int64_t n = 0;
    for (const auto& item : harness.emitted()) {
        if (std::holds_alternative<Cue>(item)) cued = true;
        if (const auto* frame = std::get_if<media::Frame>(&item)) {
            CHECK(frame->pts() == n++);
            CHECK(cued == (frame->pts() == 3));
            cued = false;
        }
    }
}

TEST_CASE("a turned picture is announced with its new size") {
    auto stage =
        transcoders::FrameFilterStage::create(transcoders::rotation_filters(90, false, false));
    REQUIRE(stage);
    test::StageHarness harness(std::move(*stage), 1, 1);
    REQUIRE(harness.start(0, grid_info(64, 36)));
    REQUIRE(harness.push(0, test::gradient(64, 36, 0)));
    REQUIRE(harness.end(0));
    CHECK(harness.all<pipeline::StreamStart>().front()->info->width == 36);
    CHECK(harness.all<media::Frame>().front()->height() == 64);
}

TEST_CASE("a picture of another shape is fitted in and padded, one format goes out") {
    auto stage =
        transcoders::ConformSizeStage::create({128, 72, "yuv420p", {1, 1}, {1, 1, 1, false}});
    REQUIRE(stage);
    test::StageHarness harness(std::move(*stage), 1, 1);
    REQUIRE(harness.start(0, grid_info(128, 72)));
    REQUIRE(harness.push(0, test::make_video_frame(128, 72, 0, 100)));
    REQUIRE(harness.start(0, grid_info(72, 72, "rgb24")));
    const auto flow = harness.push(0, test::make_video_frame(72, 72, 1, 200, "rgb24"));
    if (!flow) FAIL(flow.error().message);
    REQUIRE(harness.end(0));
    CHECK(harness.all<pipeline::StreamStart>().size() == 1);
    const auto frames = harness.all<media::Frame>();
    REQUIRE(frames.size() == 2);
    CHECK(test::first_byte(*frames[0]) == 100);
    CHECK(frames[1]->width() == 128);
    CHECK(test::first_byte(*frames[1]) == 16);  // the padding is black
}

TEST_CASE("every source format has a working format") {
    CHECK(transcoders::working_pixel_format("yuvj420p") == "yuv420p");
    CHECK(transcoders::working_pixel_format("nv12") == "yuv420p");
    CHECK(transcoders::working_pixel_format("p010le") == "yuv420p10le");
    CHECK(transcoders::working_pixel_format("yuv422p10le") == "yuv422p10le");
    CHECK(transcoders::working_pixel_format("rgb24") == "yuv444p");
    CHECK(transcoders::working_pixel_format("pal8") == "yuv444p");
    CHECK(transcoders::working_pixel_format("gray") == "yuv420p");
    CHECK(transcoders::working_pixel_format("yuva444p10le") == "yuv444p10le");
    CHECK(transcoders::working_pixel_format("yuv410p") == "yuv420p");
    CHECK(transcoders::working_pixel_format("bayer").empty());
}

TEST_CASE("tone mapping makes 8-bit pictures of ordinary brightness") {
    for (const int transfer : {16, 18}) {
        DYNAMIC_SECTION("transfer " << transfer) {
            const media::Colour colour{9, transfer, 9, false};
            auto stage =
                transcoders::FrameFilterStage::create(transcoders::tonemap_filters(colour, {}, {}));
            REQUIRE(stage);
            test::StageHarness harness(std::move(*stage), 1, 1);
            auto info = test::video_info(64, 64, {1, 25}, {25, 1});
            info.pixel_format = "yuv420p10le";
            info.colour = colour;
            REQUIRE(harness.start(0, test::shared(info)));
            const auto flow = harness.push(0, test::gradient(64, 64, 0, "yuv420p10le"));
            if (!flow) FAIL(flow.error().message);
            REQUIRE(harness.end(0));
            const auto start = harness.all<pipeline::StreamStart>();
            REQUIRE(start.size() == 1);
            CHECK(start.front()->info->pixel_format == "yuv420p");
            CHECK(start.front()->info->colour == media::Colour{1, 1, 1, false});
        }
    }
}

TEST_CASE("quality is perfect for equal pictures and falls with noise") {
    transcoders::QualityReport same;
    REQUIRE(transcoders::measure(test::gradient(64, 64, 0), test::gradient(64, 64, 0), same));
    CHECK(same.psnr_average() == Approx(100));
    CHECK(same.ssim_average() == Approx(1));
    transcoders::QualityReport moved;
    REQUIRE(transcoders::measure(test::gradient(64, 64, 0), test::gradient(64, 64, 2), moved));
    CHECK(moved.psnr(0) < 40);
    CHECK(moved.ssim_of(0) < 1);
    CHECK_FALSE(transcoders::measure(test::gradient(64, 64, 0), test::gradient(32, 32, 0), moved));
}

TEST_CASE("the error of one level is 48.13 dB") {
    transcoders::QualityReport report;
    REQUIRE(transcoders::measure(
        test::make_video_frame(64, 64, 0, 100), test::make_video_frame(64, 64, 0, 101), report));
    CHECK(report.psnr(0) == Approx(48.1308).margin(0.001));
}

TEST_CASE("the quality probe pairs frames by number and reports one without a partner") {
    transcoders::QualityReport report;
    auto stage = transcoders::QualityProbe::create(report);
    REQUIRE(stage);
    test::StageHarness harness(std::move(*stage), 2, 0);
    for (int n = 0; n < 3; ++n) REQUIRE(harness.push(0, test::gradient(64, 64, n)));
    for (int n = 0; n < 2; ++n) REQUIRE(harness.push(1, test::gradient(64, 64, n)));
    CHECK(report.frames == 2);
    REQUIRE(harness.end(0));
    const auto ended = harness.end(1);
    REQUIRE_FALSE(ended);
    CHECK(ended.error().code == Errc::kMismatch);
}
