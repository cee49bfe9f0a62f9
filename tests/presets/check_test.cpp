#include <algorithm>
#include <fstream>
#include <random>
#include <string>

#include <presets/loader.hpp>
#include <support/catch.hpp>
#include <support/temp_folder.hpp>

using namespace sg;
using namespace sg::presets;

namespace {

const std::string kGood =
    "name: mine\n"
    "video:\n"
    "  ladder:\n"
    "    - {name: 720p, height: 720, max_bitrate: 3M}\n"
    "audio:\n"
    "  renditions:\n"
    "    - {name: audio, channels: 2}\n";

std::vector<Problem> faults(const std::string& yaml) {
    return check_text(yaml, "mine.yaml");
}

/// The only fault of the good preset with one more line at its end.
Problem only_fault(const std::string& extra) {
    const auto found = faults(kGood + extra);
    INFO(extra);
    REQUIRE_FALSE(found.empty());
    for (const Problem& problem : found) INFO(to_string(problem));
    CHECK(found.size() == 1);
    return found.front();
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a small good preset has no fault") {
    CHECK(faults(kGood).empty());
}

TEST_CASE("a fault names file, line, column, field and the accepted values") {
    const auto found = faults(
        "name: mine\n"
        "video:\n"
        "  codec: h265\n");
    REQUIRE(found.size() == 1);
    CHECK(found[0].file == "mine.yaml");
    CHECK(found[0].line == 3);
    CHECK(found[0].column == 10);
    CHECK(found[0].field == "video.codec");
    CHECK(found[0].accepted ==
          std::vector<std::string>{"h264", "hevc", "av1", "vp9", "copy", "none"});
    CHECK(has(to_string(found[0]), "mine.yaml:3:10: video.codec"));
    CHECK(has(to_string(found[0]), "did you mean h264?"));
}

TEST_CASE("every fault of a file is found in one pass") {
    const auto found = faults(
        "name: mine\n"
        "nmae: x\n"
        "video:\n"
        "  gop: 2\n"
        "  ladder:\n"
        "    - {name: a, height: 0720}\n"
        "    - {name: a, height: 360, crf: 99}\n"
        "packaging:\n"
        "  formats: [hls]\n");
    std::vector<std::string> fields;
    for (const Problem& problem : found) fields.push_back(problem.field);
    for (const char* const field : {"nmae",
                                    "video.gop",
                                    "video.ladder[0].height",
                                    "video.ladder[1].name",
                                    "video.ladder[1].crf",
                                    "packaging.formats"}) {
        INFO(field);
        CHECK(std::count(fields.begin(), fields.end(), field) == 1);
    }
}

TEST_CASE("an unknown key is a fault with the nearest known one") {
    const Problem problem = only_fault("packagin: {}\n");
    CHECK(problem.field == "packagin");
    CHECK(has(problem.message, "did you mean packaging?"));
}

TEST_CASE("YAML's silent conversions are refused with the way to write it") {
    CHECK(has(only_fault("packaging: {iframe_playlists: yes}\n").message, "true or false"));
    CHECK(has(only_fault("packaging: {iframe_playlists: \"true\"}\n").message, "without quotes"));
    CHECK(has(only_fault("limits: {max_pixels: 010000}\n").message, "octal"));
    CHECK(has(only_fault("limits: {max_pixels: 1e6}\n").message, "whole number"));
    CHECK(has(only_fault("limits: {max_pixels: 0x10000}\n").message, "whole number"));
    CHECK(has(only_fault("limits: {max_pixels: \"10000\"}\n").message, "without quotes"));
    CHECK(has(only_fault("limits: {max_duration: 1:30}\n").message, "time with its unit"));
    CHECK(has(only_fault("limits: {max_duration: 90}\n").message, "no unit"));
    CHECK(has(only_fault("description: no\n").message, "in quotes"));
    CHECK(has(only_fault("description: 1.10\n").message, "in quotes"));
    CHECK(has(only_fault("verify:\n").message, "no value"));
}

TEST_CASE("Norwegian is a language and not a truth value") {
    const auto preset = preset_from_text(
        "name: mine\nvideo: {codec: none}\n"
        "audio: {languages: [no, en], renditions: [{name: a}]}\n",
        "mine.yaml");
    REQUIRE(preset);
    CHECK(preset->audio.languages == std::vector<std::string>{"no", "en"});
}

TEST_CASE("a key given twice, a merge key, a tag or a second document is refused") {
    CHECK(has(only_fault("name: again\n").message, "given twice"));
    CHECK(has(only_fault("hdr:\n  <<: {keep: true}\n").message, "merge keys"));
    CHECK(has(only_fault("verify: !!binary aGk=\n").message, "tag"));
    CHECK(has(only_fault("---\nname: other\n").message, "more than one YAML document"));
}

TEST_CASE("GOP, segment and chunk must nest") {
    CHECK(only_fault("packaging: {segment: 5s}\n").field == "packaging.segment");
    const auto found = faults("name: m\nvideo: {chunk: 4s, ladder: [{name: a, height: 360}]}\n");
    REQUIRE(found.size() == 1);
    CHECK(found[0].field == "video.chunk");
}

TEST_CASE("what the codec cannot do is refused") {
    const auto one = [](const std::string& video) {
        const auto found = faults("name: m\nvideo: {" + video + "}\n");
        INFO(video);
        for (const Problem& problem : found) INFO(to_string(problem));
        REQUIRE(found.size() == 1);
        return found.front();
    };
    CHECK(one("crf: 52, ladder: [{name: a}]").field == "video.crf");
    CHECK(one("codec: av1, crf: 30.5, ladder: [{name: a}]").field == "video.crf");
    CHECK(one("speed: fastest, ladder: [{name: a}]").accepted.size() == 9);
    CHECK(one("codec: av1, speed: 14, ladder: [{name: a}]").field == "video.speed");
    CHECK(one("ladder: [{name: a, depth: 10}]").field == "video.ladder[0].depth");
    CHECK(one("ladder: [{name: a, range: source}]").field == "video.ladder[0].range");
    CHECK(one("codec: hevc, ladder: [{name: a, depth: 9}]").field == "video.ladder[0].depth");
    CHECK(one("rate_control: bitrate, ladder: [{name: a}]").field == "video.ladder[0].bitrate");
    CHECK(one("ladder: [{name: a, bitrate: 3M}]").field == "video.ladder[0].bitrate");
    CHECK(one("ladder: [{name: a, codec: copy, crf: 20}]").field == "video.ladder[0].codec");
    CHECK(one("ladder: []").field == "video.ladder");
}

TEST_CASE("encoder options that move borders, threads or files are refused") {
    for (const char* const option : {"keyint: 30", "stats: x.log", "threads: 4", "crf: 20"}) {
        const auto found = faults(std::string("name: m\nvideo: {encoder_options: {") + option +
                                  "}, ladder: [{name: a}]}\n");
        INFO(option);
        REQUIRE(found.size() == 1);
        CHECK(found[0].field == "video.encoder_options");
        CHECK(std::count(found[0].accepted.begin(), found[0].accepted.end(), "aq-mode") == 1);
    }
    CHECK(faults("name: m\nvideo: {encoder_options: {aq-mode: 3, deblock: \"-1,-1\"},"
                 " ladder: [{name: a}]}\n")
              .empty());
    CHECK_FALSE(faults("name: m\nvideo: {encoder_options: {aq-mode: \"1:stats=x\"},"
                       " ladder: [{name: a}]}\n")
                    .empty());
}

TEST_CASE("a custom filter chain cannot reach files and declares its history") {
    CHECK(only_fault("filters: {custom: \"movie=/etc/passwd\"}\n").field == "filters.custom");
    CHECK(only_fault("filters: {custom: \"eq=contrast=1.1,drawtext=textfile=x\"}\n").field ==
          "filters.custom");
    CHECK(only_fault("filters: {custom: \"[in]split[a][b]\"}\n").field == "filters.custom");
    CHECK(only_fault("filters: {custom: hqdn3d}\n").field == "filters.frames_before");
    CHECK(faults(kGood + "filters: {custom: \"hqdn3d=2,eq=contrast=1.1\", frames_before: 8}\n")
              .empty());
}

TEST_CASE("pairs that players lack are refused") {
    const auto found = faults(
        "name: m\nvideo: {codec: vp9, ladder: [{name: a}]}\n"
        "audio: {renditions: [{name: b, codec: opus}]}\n"
        "packaging: {formats: [hls-ts]}\n");
    REQUIRE(found.size() == 2);
    CHECK(found[0].field == "video.ladder[0].codec");
    CHECK(found[1].field == "audio.renditions[0].codec");
}

TEST_CASE("audio settings that the codec lacks are refused") {
    const auto one = [](const std::string& rung) {
        const auto found = faults("name: m\nvideo: {codec: none}\naudio: {renditions: [{name: a, " +
                                  rung + "}]}\n");
        INFO(rung);
        REQUIRE(found.size() == 1);
        return found.front().field;
    };
    CHECK(one("channels: 3") == "audio.renditions[0].channels");
    CHECK(one("codec: mp3, channels: 6") == "audio.renditions[0].channels");
    CHECK(one("codec: opus, sample_rate: 44100") == "audio.renditions[0].sample_rate");
    CHECK(one("codec: flac, bitrate: 128k") == "audio.renditions[0].bitrate");
    CHECK(one("copy_only: [ac3]") == "audio.renditions[0].copy_only");
    CHECK(one("codec: copy, copy_only: [ac4]") == "audio.renditions[0].copy_only");
    CHECK(one("skip_if_fewer: true") == "audio.renditions[0].skip_if_fewer");
}

TEST_CASE("hostile YAML ends in a fault, bounded") {
    const auto refused = [](const std::string& yaml) { return !faults(yaml).empty(); };
    CHECK(refused(""));
    CHECK(refused("- a\n- b\n"));
    CHECK(refused("just text"));
    CHECK(refused("name: \xff\xfe"));
    CHECK(refused(std::string("name: a\0b", 9)));
    CHECK(refused("name: [unclosed"));
    CHECK(refused(": : : :"));
    CHECK(refused("a: &x [*x]"));
    CHECK(refused("a: *nowhere"));
    CHECK(refused(std::string(100'000, '[')));
    CHECK(refused("x: " + std::string(100'000, '{')));
    CHECK(refused(std::string(2 << 20, 'a')));
    CHECK(refused(std::string(1 << 20, '\t')));
    std::string nested;
    for (int i = 0; i < 100; ++i) nested += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
    CHECK(refused(nested));
    std::string dashes;
    for (int i = 0; i < 5'000; ++i) dashes += "- ";
    CHECK(refused(dashes));
}

TEST_CASE("an alias bomb is refused before it grows") {
    std::string bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n";
    for (char c = 'b'; c <= 'j'; ++c) {
        bomb += std::string(1, c) + ": &" + c + " [";
        for (int i = 0; i < 10; ++i) bomb += std::string(i == 0 ? "*" : ",*") + char(c - 1);
        bomb += "]\n";
    }
    const auto found = faults(bomb);
    REQUIRE(found.size() == 1);
    CHECK(has(found[0].message, "expands to more than"));
}

TEST_CASE("a plain alias works") {
    const auto preset = preset_from_text(
        "name: m\n"
        "video:\n"
        "  ladder:\n"
        "    - {name: a, height: 720, encoder_options: &fine {aq-mode: \"3\"}}\n"
        "    - {name: b, height: 360, encoder_options: *fine}\n",
        "m.yaml");
    REQUIRE(preset);
    CHECK(preset->video.ladder[1].encoder_options.at("aq-mode") == "3");
}

TEST_CASE("damaged presets never throw") {
    const std::string good(*Library::text("web-4k"));
    std::mt19937 random(7);
    for (int round = 0; round < 1500; ++round) {
        std::string damaged = good;
        const std::size_t hits = 1 + random() % 6;
        for (std::size_t i = 0; i < hits; ++i) {
            damaged[random() % damaged.size()] = "[]{}:,-&*!|>'\"%@`#\n\t \x80z0"[random() % 23];
        }
        if (random() % 8 == 0) damaged.resize(random() % damaged.size());
        (void)check_text(damaged, "damaged");
    }
    SUCCEED();
}

TEST_CASE("a file is checked by its path, and a missing or odd one is a fault that names it") {
    const test::TempFolder folder;
    std::ofstream(folder / "good.yaml") << kGood;
    CHECK(check(folder / "good.yaml").empty());
    const auto missing = check(folder / "none.yaml");
    REQUIRE(missing.size() == 1);
    CHECK(has(missing[0].message, "none.yaml"));
    const auto odd = check(folder.path());
    REQUIRE(odd.size() == 1);
    CHECK(has(odd[0].message, "not a regular file"));
}
