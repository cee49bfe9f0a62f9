#include <presets/loader.hpp>
#include <support/catch.hpp>

using namespace sg;
using namespace sg::presets;

namespace {

Preset must(Result<Preset> result) {
    if (!result) FAIL(result.error().message);
    return std::move(result).value();
}

}  // namespace

TEST_CASE("a rung takes what it leaves out from the video section") {
    const Preset preset = must(load_preset("web-hd"));
    const EffectiveRung rung = effective_rung(preset, preset.video.ladder[0]);
    CHECK(rung.crf_x100 == 2300);
    CHECK(rung.speed == "veryfast");
    CHECK(rung.max_bitrate_bps == 6'000'000);
    CHECK(rung.buffer_bits == 9'000'000);
    CHECK(rung.profile == "high");
    CHECK(rung.depth == 8);
}

TEST_CASE("a rung of another codec starts from that codec's defaults") {
    const Preset preset = must(load_preset("hevc-hd"));
    const EffectiveRung hevc = effective_rung(preset, preset.video.ladder.front());
    CHECK(hevc.depth == 10);
    CHECK(hevc.profile == "main10");
    CHECK(hevc.range == DynamicRange::kSource);
    const EffectiveRung h264 = effective_rung(preset, preset.video.ladder.back());
    CHECK(h264.codec == VideoCodec::kH264);
    CHECK(h264.depth == 8);
    CHECK(h264.profile == "high");
    CHECK(h264.range == DynamicRange::kSdr);
}

TEST_CASE("cap and buffer follow from the bitrate when they are left out") {
    const Preset preset = must(preset_from_text(
        "name: m\nvideo: {rate_control: bitrate, ladder: [{name: a, height: 360, bitrate: 1M}]}\n",
        "m"));
    const EffectiveRung rung = effective_rung(preset, preset.video.ladder[0]);
    CHECK(rung.bitrate_bps == 1'000'000);
    CHECK(rung.max_bitrate_bps == 1'100'000);
    CHECK(rung.buffer_bits == 1'650'000);
    CHECK(rung.crf_x100 == 0);
}

TEST_CASE("an audio rendition spends less on a track with fewer channels") {
    AudioRung rung;
    rung.channels = 6;
    rung.bitrate_bps = 384'000;
    CHECK(effective_audio_bitrate(rung, 6) == 384'000);
    CHECK(effective_audio_bitrate(rung, 2) == 128'000);
    CHECK(effective_audio_bitrate(rung, 8) == 384'000);
    rung.bitrate_bps.reset();
    CHECK(effective_audio_bitrate(rung, 1) == 64'000);
    rung.codec = AudioCodec::kFlac;
    CHECK(effective_audio_bitrate(rung, 2) == 0);
}
