#include <fstream>
#include <string>

#include <presets/loader.hpp>
#include <support/catch.hpp>
#include <support/temp_folder.hpp>

using namespace sg;
using namespace sg::presets;

namespace {

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

Preset must(Result<Preset> result) {
    if (!result) FAIL(result.error().message);
    return std::move(result).value();
}

void save(const std::filesystem::path& path, const std::string& text) {
    std::ofstream(path) << text;
}

}  // namespace

TEST_CASE("a child preset changes keys and keeps the rest of its parent") {
    const Preset parent = must(load_preset("web-hd"));
    const Preset child = must(preset_from_text(
        "name: mine\nextends: web-hd@1\nvideo:\n  crf: 20\npackaging:\n  segment: 4s\n", "m"));
    CHECK(child.name == "mine");
    CHECK(child.version == 1);
    CHECK(child.description.empty());
    CHECK(child.extends == "web-hd@1");
    CHECK(child.video.crf_x100 == 2000);
    CHECK(child.packaging.segment_ms == 4000);
    CHECK(child.video.ladder == parent.video.ladder);
    CHECK(child.audio == parent.audio);
}

TEST_CASE("a list replaces the inherited one and null removes an inherited key") {
    const Preset child =
        must(preset_from_text("name: mine\nextends: web-hd\nvideo:\n  speed: null\n  ladder:\n    "
                              "- {name: 360p, height: 360}\n",
                              "m"));
    CHECK(child.video.ladder.size() == 1);
    CHECK_FALSE(child.video.speed.has_value());
}

TEST_CASE("files extend files beside them") {
    const test::TempFolder folder;
    save(folder / "base.yaml", "name: base\nextends: mobile\nvideo: {crf: 25}\n");
    save(folder / "top.yaml", "name: top\nextends: ./base.yaml\nverify: full\n");
    const Preset top = must(load_preset((folder / "top.yaml").string()));
    CHECK(top.video.crf_x100 == 2500);
    CHECK(top.verify == VerifyLevel::kFull);
    CHECK(top.video.ladder.front().name == "720p");
}

TEST_CASE("a circle of presets is refused") {
    const test::TempFolder folder;
    save(folder / "a.yaml", "name: a\nextends: ./b.yaml\n");
    save(folder / "b.yaml", "name: b\nextends: ./a.yaml\n");
    const auto result = load_preset((folder / "a.yaml").string());
    REQUIRE_FALSE(result);
    CHECK(has(result.error().message, "circle"));
}

TEST_CASE("a long chain of presets is refused") {
    const test::TempFolder folder;
    for (int i = 0; i < 12; ++i) {
        const std::string next = std::to_string(i + 1);
        save(folder / ("p" + std::to_string(i) + ".yaml"),
             "name: p\nextends: ./p" + next + ".yaml\n");
    }
    const auto result = load_preset((folder / "p0.yaml").string());
    REQUIRE_FALSE(result);
    CHECK(has(result.error().message, "more than 8"));
}

TEST_CASE("text from a network cannot extend a file") {
    const auto result = preset_from_text("name: a\nextends: /etc/passwd\n", "request");
    REQUIRE_FALSE(result);
    CHECK(result.error().code == Errc::kInvalidArgument);
    CHECK(has(result.error().message, "library presets only"));
}

TEST_CASE("a fault in a parent is reported in the parent's file") {
    const test::TempFolder folder;
    save(folder / "base.yaml", "name: base\nextends: web-hd\nvideo:\n  gop: never\n");
    save(folder / "top.yaml", "name: top\nextends: ./base.yaml\n");
    const auto found = check(folder / "top.yaml");
    REQUIRE(found.size() == 1);
    CHECK(has(found[0].file, "base.yaml"));
    CHECK(found[0].line == 4);
}

TEST_CASE("an unknown preset or version says what there is") {
    const auto name = load_preset("web-hdd");
    REQUIRE_FALSE(name);
    CHECK(has(name.error().message, "did you mean web-hd?"));
    CHECK(has(name.error().message, "passthrough"));
    const auto version = load_preset("web-hd@99");
    REQUIRE_FALSE(version);
    CHECK(has(version.error().message, "no version"));
}

TEST_CASE("canonical JSON reads back to the same preset and holds no floats") {
    const Preset preset = must(preset_from_text(
        "name: m\n"
        "description: \"caf\\u00e9 \\\"x\\\"\"\n"
        "video:\n"
        "  crf: 23.25\n"
        "  frame_rate: max 59.94\n"
        "  ladder: [{name: a, height: 720, max_frame_rate: 29.97, max_bitrate: 2.5M}]\n"
        "filters: {custom: \"eq=contrast=1.1\"}\n"
        "limits: {max_decode_errors_percent: 0.5, spool: 1GiB}\n",
        "m"));
    const std::string json = canonical_json(preset);
    CHECK(must(preset_from_json(json)) == preset);
    CHECK(has(json, "\"crf\":\"23.25\""));
    CHECK(has(json, "\"frame_rate\":\"max 60000/1001\""));
    CHECK(has(json, "\"max_frame_rate\":\"30000/1001\""));
    CHECK(has(json, "\"max_bitrate\":2500000"));
    CHECK(has(json, "\"spool\":1073741824"));
    CHECK(has(json, "\"gop\":\"2000ms\""));
}

TEST_CASE("the digest depends on values and not on how they were written") {
    const auto load = [](const std::string& video) {
        return digest(must(preset_from_text("name: m\nvideo: {" + video + "}\n", "m")));
    };
    const std::string one = load("gop: 2s, ladder: [{name: a, height: 720, max_bitrate: 3M}]");
    CHECK(one == load("ladder: [{max_bitrate: 3000k, height: 720, name: \"a\"}], gop: 2000ms"));
    CHECK(one != load("gop: 3s, ladder: [{name: a, height: 720, max_bitrate: 3M}]"));
    CHECK(one.size() == 64);
}

TEST_CASE("frame rates are exact") {
    const auto rate = [](const std::string& text) {
        const auto preset = preset_from_text(
            "name: m\nvideo: {frame_rate: " + text + ", ladder: [{name: a}]}\n", "m");
        INFO(text);
        return preset ? preset->video.frame_rate.rate : Fraction{0, 1};
    };
    CHECK(rate("25") == Fraction{25, 1});
    CHECK(rate("23.976") == Fraction{24000, 1001});
    CHECK(rate("23.98") == Fraction{24000, 1001});
    CHECK(rate("24.00") == Fraction{24, 1});
    CHECK(rate("12.5") == Fraction{25, 2});
    CHECK(rate("119.88") == Fraction{120000, 1001});
    CHECK(rate("60000/2002") == Fraction{30000, 1001});
    CHECK(rate("1/10") == Fraction{1, 10});
    CHECK(rate("0") == Fraction{0, 1});
    CHECK(rate("1001") == Fraction{0, 1});
    CHECK(rate("30/0") == Fraction{0, 1});
    CHECK(rate("-25") == Fraction{0, 1});
}
