#include <algorithm>
#include <set>
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

}  // namespace

TEST_CASE("the library holds the promised presets and each one loads") {
    std::set<std::string> names;
    for (const LibraryEntry& entry : Library::embedded()) {
        INFO(entry.name);
        names.insert(entry.name);
        const Preset preset = must(load_preset(entry.name + "@" + std::to_string(entry.version)));
        CHECK(preset.name == entry.name);
        CHECK_FALSE(entry.description.empty());
        CHECK(must(preset_from_json(canonical_json(preset))).video == preset.video);
        CHECK(describe(preset).find(digest(preset)) != std::string::npos);
        CHECK(describe_json(preset).find(digest(preset)) != std::string::npos);
    }
    CHECK(names == std::set<std::string>{"archive",
                                         "audio-only",
                                         "av1-hd",
                                         "hevc-hd",
                                         "mobile",
                                         "passthrough",
                                         "vp9-hd",
                                         "web-4k",
                                         "web-hd"});
}

TEST_CASE("ladders of the library run from large to small within each codec") {
    for (const LibraryEntry& entry : Library::embedded()) {
        INFO(entry.name);
        const Preset preset = must(load_preset(entry.name));
        for (std::size_t i = 0; i < preset.video.ladder.size(); ++i) {
            const EffectiveRung above = effective_rung(preset, preset.video.ladder[i]);
            INFO(above.name);
            for (std::size_t j = i + 1; j < preset.video.ladder.size(); ++j) {
                const EffectiveRung below = effective_rung(preset, preset.video.ladder[j]);
                if (below.codec != above.codec) continue;
                CHECK(below.height < above.height);
                CHECK(below.max_bitrate_bps < above.max_bitrate_bps);
            }
        }
    }
}

TEST_CASE("caps of the library keep a variant's peak within twice its bitrate") {
    for (const LibraryEntry& entry : Library::embedded()) {
        const Preset preset = must(load_preset(entry.name));
        for (const Rung& rung : preset.video.ladder) {
            const EffectiveRung made = effective_rung(preset, rung);
            if (made.max_bitrate_bps == 0) continue;
            INFO(entry.name << " " << made.name);
            CHECK(made.buffer_bits >= made.max_bitrate_bps);
            CHECK(made.buffer_bits <= 2 * made.max_bitrate_bps);
        }
    }
}

TEST_CASE("the benchmark's presets differ in rate control only") {
    const std::string folder = std::string(SG_SOURCE_DIR) + "/bench/presets/";
    const Preset crf = must(load_preset(folder + "ladder-crf.yaml"));
    const Preset bitrate = must(load_preset(folder + "ladder-bitrate.yaml"));
    REQUIRE(crf.video.ladder.size() == 4);
    REQUIRE(bitrate.video.ladder.size() == 4);
    for (std::size_t i = 0; i < 4; ++i) {
        const EffectiveRung one = effective_rung(crf, crf.video.ladder[i]);
        const EffectiveRung two = effective_rung(bitrate, bitrate.video.ladder[i]);
        CHECK(one.max_bitrate_bps == two.max_bitrate_bps);
        CHECK(one.buffer_bits == two.buffer_bits);
        CHECK(two.max_bitrate_bps == two.bitrate_bps * 107 / 100);
        CHECK(two.buffer_bits == two.bitrate_bps * 3 / 2);
    }
    CHECK(crf.packaging == bitrate.packaging);
    CHECK(crf.audio == bitrate.audio);
}
