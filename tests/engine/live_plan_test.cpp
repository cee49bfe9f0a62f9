#include "live_plan.hpp"

#include <algorithm>

#include <engine/live_preset.hpp>
#include <presets/loader.hpp>
#include <support/catch.hpp>

using namespace sg;
using std::chrono::milliseconds;

namespace {

engine::LiveSeen picture(std::uint32_t width, std::uint32_t height, media::Rational rate) {
    engine::LiveSeen seen;
    seen.track.id = 0;
    seen.track.video.width = width;
    seen.track.video.height = height;
    seen.rate = rate;
    return seen;
}

engine::LiveSeen sound() {
    engine::LiveSeen seen;
    seen.track.id = 1;
    seen.track.codec = formats::Codec::kAac;
    seen.track.audio.sample_rate = 44100;
    seen.track.audio.channels = 2;
    seen.track.audio.samples_per_frame = 1024;
    return seen;
}

std::string option(const pipeline::VideoRendition& r, const std::string& key) {
    for (const auto& [name, value] : r.encoder.options) {
        if (name == key) return value;
    }
    return {};
}

engine::LivePlan plan(std::vector<engine::LiveSeen> tracks,
                      milliseconds segment = milliseconds(2000)) {
    auto preset = presets::load_preset("web-hd");
    REQUIRE(preset);
    auto made = engine::make_live_plan("live/test", tracks, *preset, segment);
    if (!made) FAIL(made.error().message);
    return std::move(*made);
}

}  // namespace

TEST_CASE("live plan: rungs above the source are left out, encoders keep nothing back",
          "[engine]") {
    const auto live = plan({picture(1280, 720, {30, 1}), sound()});
    const auto& video = live.plan.video;
    REQUIRE(video.renditions.size() == 5);
    CHECK(video.renditions.front().name == "720p");
    CHECK(video.grid.rate == media::Rational{30, 1});
    for (const auto& r : video.renditions) {
        CHECK(option(r, "tune") == "zerolatency");
        CHECK(option(r, "bf") == "0");
        CHECK(option(r, "g") == "60");
        CHECK(r.encoder.max_bitrate > 0);
        CHECK(r.encoder.buffer_bits > 0);
    }
    REQUIRE(live.plan.audio.size() == 1);
    CHECK(live.plan.audio[0].samples == -1);
}

TEST_CASE("live plan: a segment is whole GOPs, and exactly as long as asked", "[engine]") {
    const auto live = plan({picture(640, 360, {25, 1})}, milliseconds(6000));
    CHECK(live.segment_gops == 3);
    CHECK(live.gop_ns == 2'000'000'000);
    const auto shorter = plan({picture(640, 360, {25, 1})}, milliseconds(1000));
    CHECK(shorter.segment_gops == 1);
    CHECK(shorter.gop_ns == 1'000'000'000);
}

TEST_CASE("live plan: an encoder's own GOP never ends before the clock's", "[engine]") {
    const auto live = plan({picture(640, 360, {30000, 1001})});
    for (const auto& r : live.plan.video.renditions) CHECK(std::stoi(option(r, "g")) >= 61);
}

TEST_CASE("live plan: pictures alone and sound alone are planned", "[engine]") {
    CHECK(plan({picture(640, 360, {25, 1})}).plan.audio.empty());
    const auto live = plan({sound()});
    CHECK(live.plan.video.renditions.empty());
    CHECK(live.plan.audio.size() == 1);
}

TEST_CASE("live plan: AV1 is refused before anything runs, by its rung", "[engine]") {
    const auto av1 = presets::load_preset("av1-hd");
    REQUIRE(av1);
    const auto fit = engine::check_live_preset(*av1);
    REQUIRE_FALSE(fit);
    CHECK(fit.error().message.find("rung 1080p is AV1") != std::string::npos);
    for (const auto* name : {"web-hd", "hevc-hd", "vp9-hd", "mobile", "audio-only", "passthrough"})
        CHECK(engine::check_live_preset(*presets::load_preset(name)));
}

TEST_CASE("live plan: rungs at half the rate share their borders", "[engine]") {
    const auto live = plan({picture(1920, 1080, {60, 1})});
    CHECK(live.gop_step == 2);
    CHECK(live.plan.video.renditions.front().frame_divisor == 1);
    CHECK(live.plan.video.renditions.back().frame_divisor == 2);
}

TEST_CASE("live plan: the codec's rate counts where the times agree", "[engine]") {
    formats::VideoFacts said;
    said.frame_rate_num = 30000;
    said.frame_rate_den = 1001;
    CHECK(engine::live_rate({30, 1}, said) == media::Rational{30000, 1001});
    CHECK(engine::live_rate({15, 1}, said) == media::Rational{15, 1});
    CHECK(engine::live_rate({24'950, 1000}, {}) == media::Rational{25, 1});
    CHECK(engine::live_rate({0, 1}, {}).positive());
}
