#include "live_plan.hpp"

#include <algorithm>

#include <engine/live_preset.hpp>
#include <presets/loader.hpp>
#include <support/catch.hpp>

#include "live_rate.hpp"

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
                      milliseconds segment = milliseconds(2000),
                      bool low_latency = true,
                      unsigned processors = 1) {
    auto preset = presets::load_preset("web-hd");
    REQUIRE(preset);
    auto made =
        engine::make_live_plan("live/test", tracks, *preset, {segment, low_latency, processors});
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

TEST_CASE("live plan: without low latency encoders look half a second ahead", "[engine]") {
    const auto live = plan({picture(1280, 720, {30, 1}), sound()}, milliseconds(2000), false);
    for (const auto& r : live.plan.video.renditions) {
        CHECK(option(r, "tune").empty());
        CHECK(option(r, "bf") == "3");
        CHECK(option(r, "rc-lookahead") == "12");
    }
    const auto slow = plan({picture(1280, 720, {5, 1})}, milliseconds(2000), false);
    CHECK(option(slow.plan.video.renditions.front(), "rc-lookahead") == "1");
}

TEST_CASE("live plan: an encoder that one processor is too slow for shares out its pictures",
          "[engine]") {
    const auto threads = [](std::uint32_t height, std::int64_t rate, unsigned processors) {
        const auto live = plan(
            {picture(height * 16 / 9, height, {rate, 1})}, milliseconds(2000), true, processors);
        const auto& r = live.plan.video.renditions.front();
        CHECK(option(r, "x264-params").find("sliced-threads=1") != std::string::npos);
        return r.encoder.threads;
    };
    CHECK(threads(720, 30, 32) == 1);
    CHECK(threads(1080, 30, 32) == 1);
    CHECK(threads(1080, 60, 32) == 2);
    CHECK(threads(1080, 60, 1) == 1);
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

TEST_CASE("live plan: a smaller picture is served by the rungs there are, a larger one is not",
          "[engine]") {
    const auto serves = [](engine::LiveSeen now, engine::LiveSeen fresh) {
        return engine::serves_as_well(plan({now, sound()}).plan, plan({fresh, sound()}).plan);
    };
    const auto hd = picture(1280, 720, {30, 1});
    CHECK(serves(hd, picture(640, 360, {30, 1})));
    CHECK(serves(hd, picture(853, 479, {30, 1})));
    CHECK_FALSE(serves(picture(640, 360, {30, 1}), hd));
    CHECK_FALSE(serves(hd, picture(720, 1280, {30, 1})));
    CHECK_FALSE(serves(hd, picture(640, 480, {30, 1})));
    // The ladder ends at 1080p.
    CHECK(serves(picture(1920, 1080, {30, 1}), picture(3840, 2160, {30, 1})));

    auto hdr = hd;
    hdr.track.video.transfer = 16;
    hdr.track.video.colour_primaries = hdr.track.video.matrix = 9;
    hdr.track.video.bit_depth = 10;
    CHECK_FALSE(serves(hd, hdr));
    CHECK_FALSE(serves(hdr, hd));
    auto deep = hd;
    deep.track.video.bit_depth = 10;
    CHECK(serves(hd, deep));
    auto fields = hd;
    fields.track.video.interlaced = true;
    CHECK_FALSE(serves(hd, fields));
    CHECK(serves(fields, hd));
}

TEST_CASE("live plan: sound in another shape is brought to what there is", "[engine]") {
    const auto serves = [](unsigned rate, unsigned channels) {
        auto other = sound();
        other.track.audio.sample_rate = rate;
        other.track.audio.channels = channels;
        const auto video = picture(640, 360, {30, 1});
        return engine::serves_as_well(plan({video, sound()}).plan, plan({video, other}).plan);
    };
    CHECK(serves(48000, 2));
    CHECK(serves(44100, 1));
    CHECK(serves(48000, 6));
}

TEST_CASE("rate watch: pictures that come faster are noticed, slower ones only at first",
          "[engine]") {
    const auto changed =
        [](media::Rational planned, std::vector<std::int64_t> steps_ms, int count) {
            engine::RateWatch watch(planned, {});
            std::int64_t at = 0;
            int since = -1;
            for (int n = 0; n < count; ++n) {
                watch.picture(at * 1'000'000);
                at += steps_ms[static_cast<std::size_t>(n) % steps_ms.size()];
                if (watch.changed() && since < 0) since = n;
            }
            return since;
        };
    CHECK(changed({30, 1}, {33, 33, 34}, 400) < 0);
    CHECK(changed({30000, 1001}, {33, 33, 34}, 400) < 0);
    CHECK(changed({30, 1}, {16, 17, 17}, 400) > 0);
    CHECK(changed({25, 1}, {33, 33, 34}, 400) > 0);
    // A plan that rests on a bad measurement.
    CHECK(changed({60, 1}, {33, 33, 34}, 100) > 0);
    // Pictures that come when something moves.
    CHECK(changed({30, 1}, {33, 100, 67, 300}, 400) < 0);
    CHECK(changed({10, 1}, {33, 40, 30, 50}, 400) > 0);

    engine::RateWatch watch({60, 1}, {});
    for (int n = 0; n < 600; ++n) watch.picture(n * 16'666'667LL);
    std::int64_t at = 600 * 16'666'667LL;
    for (int n = 0; n < 200; ++n) watch.picture(at += 33'333'333);
    CHECK_FALSE(watch.changed());
    watch.restart({});
    for (int n = 0; n < 60; ++n) watch.picture(at += 33'333'333);
    CHECK(watch.changed());
}
