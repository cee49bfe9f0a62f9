#include <string>

#include <presets/loader.hpp>
#include <support/catch.hpp>

using namespace sg;
using namespace sg::presets;

namespace {

Preset must(Result<Preset> result) {
    if (!result) FAIL(result.error().message);
    return std::move(result).value();
}

std::string refused(const Overrides& overrides) {
    const auto result = load_preset("web-hd", overrides);
    return result ? "" : result.error().message;
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("overrides reach keys, rungs by name or index, and lists") {
    const Preset preset = must(load_preset("web-hd",
                                           {{"video.crf", "21.5"},
                                            {"video.ladder.720p.max_bitrate", "3M"},
                                            {"video.ladder[0].speed", "fast"},
                                            {"packaging.formats", "[dash]"},
                                            {"verify", "off"},
                                            {"video.encoder_options.aq-mode", "3"}}));
    CHECK(preset.video.crf_x100 == 2150);
    CHECK(preset.video.ladder[1].max_bitrate_bps == 3'000'000);
    CHECK(preset.video.ladder[0].speed == "fast");
    CHECK(preset.packaging.formats == std::vector<Format>{Format::kDash});
    CHECK(preset.verify == VerifyLevel::kOff);
    CHECK(preset.video.encoder_options.at("aq-mode") == "3");
}

TEST_CASE("a null override removes the key") {
    const Preset preset = must(load_preset("web-hd", {{"video.crf", "null"}}));
    CHECK_FALSE(preset.video.crf_x100.has_value());
}

TEST_CASE("a resolved preset takes overrides and is checked again") {
    const Preset preset = must(load_preset("web-hd"));
    const Preset changed = must(apply_overrides(preset, {{"packaging.segment", "4s"}}));
    CHECK(changed.packaging.segment_ms == 4000);
    CHECK(digest(changed) != digest(preset));
    CHECK(must(apply_overrides(preset, {})) == preset);
    CHECK_FALSE(apply_overrides(preset, {{"packaging.segment", "5s"}}));
}

TEST_CASE("a wrong override says which one and what is accepted") {
    CHECK(has(refused({{"video.crv", "21"}}), "did you mean crf?"));
    CHECK(has(refused({{"video.codec", "h265"}}), "--set video.codec"));
    CHECK(has(refused({{"video.ladder.721p.crf", "20"}}), "there are: 1080p, 720p"));
    CHECK(has(refused({{"video.crf.x", "20"}}), "single value"));
    CHECK(has(refused({{"video..crf", "20"}}), "empty part"));
    CHECK(has(refused({{"", "20"}}), "is not a key"));
    CHECK(has(refused({{"video.crf", "["}}), "not valid YAML"));
    CHECK_FALSE(refused({{"a.b.c.d.e.f.g.h.i.j", "20"}}).empty());
}
