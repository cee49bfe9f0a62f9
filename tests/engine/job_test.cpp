#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <engine/job.hpp>
#include <support/catch.hpp>

using namespace sg;
using namespace sg::engine;

namespace {

JobDocument good(const std::string& text) {
    auto job = parse_job(text, "job.yaml");
    INFO((job ? "" : job.error().message));
    REQUIRE(job);
    return *job;
}

std::string fault(const std::string& text) {
    const auto job = parse_job(text, "job.yaml");
    REQUIRE_FALSE(job);
    CHECK(job.error().code == Errc::kInvalidArgument);
    CHECK(job.error().message.find('\n') == std::string::npos);
    return job.error().message;
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

std::vector<std::string> names_of(const std::vector<JobInput>& inputs) {
    JobDocument job;
    job.inputs = inputs;
    return output_names(job);
}

JobInput input(std::string uri, std::string name = {}) {
    JobInput i;
    i.uri = std::move(uri);
    i.name = std::move(name);
    return i;
}

const char* const kWhole = R"(
version: 1
inputs:
  - film.mov
  - uri: "-"
    name: from-pipe
    preset: mobile
    set: {video.crf: 25}
  - {uri: frames/%04d.png}
preset: ./mine.yaml
set:
  video.crf: 21.5
  video.ladder.720p.max_bitrate: 3M
  packaging.formats: [dash, hls-cmaf]
  video.tune: null
  video.encoder_options: {aq-mode: 3, psy-rd: "1.0:0.1"}
output: /srv/out
verify: off
publish: early
quality: true
tags: {customer: 17, title: "A film"}
)";

}  // namespace

TEST_CASE("a job document's every field arrives") {
    const auto job = good(kWhole);
    CHECK(job.version == 1);
    REQUIRE(job.inputs.size() == 3);
    CHECK(job.inputs[0].uri == "film.mov");
    CHECK(job.inputs[1].uri == "-");
    CHECK(job.inputs[1].name == "from-pipe");
    CHECK(job.inputs[1].preset == "mobile");
    CHECK(job.inputs[1].overrides.at("video.crf") == "25");
    CHECK_FALSE(job.inputs[2].preset);
    CHECK(job.preset == "./mine.yaml");
    CHECK(job.overrides.at("video.crf") == "21.5");
    CHECK(job.overrides.at("video.ladder.720p.max_bitrate") == "3M");
    CHECK(job.overrides.at("packaging.formats") == "[dash, hls-cmaf]");
    CHECK(job.overrides.at("video.tune") == "null");
    CHECK(job.overrides.at("video.encoder_options") == R"({"aq-mode": 3, "psy-rd": "1.0:0.1"})");
    CHECK(job.output == "/srv/out");
    CHECK(job.verify == VerifyMode::kOff);
    CHECK(job.publish == PublishMode::kEarly);
    CHECK(job.quality);
    CHECK(job.tags.at("customer") == "17");
}

TEST_CASE("a job that says only its input gets the defaults") {
    const auto job = good("inputs: [film.mov]");
    CHECK(job.preset == "web-hd");
    CHECK(job.output == "out");
    CHECK_FALSE(job.verify);
    CHECK(job.publish == PublishMode::kEnd);
    CHECK_FALSE(job.quality);
}

TEST_CASE("a job written as JSON and read again is the same job") {
    for (const auto& job : {good(kWhole),
                            good("inputs: [a.mkv]"),
                            good("inputs: [{uri: \"\\U0001F3AC.mp4\", set: {name: \"a: b\"}}]")}) {
        const auto text = to_json(job);
        CHECK(to_json(good(text)) == text);
    }
    CHECK(good(R"({"inputs": ["\ud83c\udfac.mp4"]})").inputs[0].uri == "\xF0\x9F\x8E\xAC.mp4");
    CHECK(good("{\n\t\"inputs\": [\n\t\t\"a\\/b.mp4\"\n\t]\n}").inputs[0].uri == "a/b.mp4");
}

TEST_CASE("a fault of a job names file, line, field and what is accepted") {
    auto text = fault("inputs: [film.mov]\npublish: erly\n");
    CHECK(has(text, "job.yaml:2:"));
    CHECK(has(text, "publish"));
    CHECK(has(text, "did you mean early?"));
    CHECK(has(text, "(accepted: end, early)"));

    text = fault("{\"inputs\": [\"film.mov\"],\n \"verify\": \"yes\"}");
    CHECK(has(text, "job.yaml:2:"));
    CHECK(has(text, "accepted: off, quick, full"));

    text = fault("inputs: [film.mov]\noutputs: out\n");
    CHECK(has(text, "outputs: is not a key that jobs have here; did you mean output?"));

    CHECK(has(fault("preset: web-hd\n"), "inputs: is missing"));
    CHECK(has(fault("inputs: []\n"), "inputs: is empty"));
    CHECK(has(fault("inputs: film.mov\n"), "must be a list"));
    CHECK(has(fault("inputs:\n  - name: film\n"), "inputs[0].uri: is missing"));
    CHECK(has(fault("inputs: [{uri: a, nam: b}]\n"), "did you mean name?"));
    CHECK(has(fault("inputs: [{uri: a, name: ../b}]\n"), "inputs[0].name"));
    CHECK(has(fault("inputs: [{uri: a, name: x}, {uri: b, name: x}]\n"),
              "another input is named \"x\" already"));
    CHECK(has(fault("inputs: [a]\nversion: 2\n"), "accepted: 1"));
    CHECK(has(fault("inputs: [a]\nquality: \"true\"\n"), "must be true or false"));
    CHECK(has(fault("inputs: [a]\nset: video.crf=21\n"), "must be a group of dotted preset keys"));
    CHECK(has(fault("inputs: [a]\nverify: maybe\npublish: late\n"), "(and 1 more)"));
}

TEST_CASE("hostile job documents are refused in bounded time and memory") {
    CHECK(has(fault(""), "empty"));
    CHECK(has(fault(std::string("inputs: [\0]", 11)), "UTF-8"));
    CHECK(has(fault("\xFF\xFE"), "UTF-8"));
    CHECK(has(fault("42"), "group of keys"));
    CHECK(has(fault("inputs: [a]\ninputs: [b]"), "given twice"));
    CHECK(has(fault("inputs: &a [*a]"), "alias"));
    CHECK(has(fault(std::string(100'000, '[')), "brackets"));
    CHECK(has(fault("inputs: [" + std::string(2 << 20, 'x') + "]"), "larger than 1 MiB"));
    std::string bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n";
    for (char c = 'b'; c < 'k'; ++c) {
        bomb += fmt::format("{0}: &{0} [*{1}, *{1}, *{1}, *{1}, *{1}, *{1}, *{1}, *{1}, *{1}]\n",
                            c,
                            static_cast<char>(c - 1));
    }
    CHECK(has(fault(bomb), "expands to more than"));
    CHECK(has(fault("inputs: [" + std::string(5000, 'x') + "]"), "longer than 4096"));
}

TEST_CASE("a job file that is missing or no file is a clear error") {
    CHECK(load_job("/nonexistent/job.yaml").error().code == Errc::kNotFound);
    CHECK(has(load_job("/tmp").error().message, "is a folder"));
}

TEST_CASE("the schema of jobs says what the loader accepts") {
    std::ifstream file(SG_SOURCE_DIR "/engine/schema/job.schema.json");
    const auto schema = nlohmann::json::parse(file);
    const auto accepted_after = [](const std::string& message) {
        const auto at = message.find("(accepted: ") + 11;
        std::set<std::string> words;
        std::istringstream list(message.substr(at, message.find(')', at) - at));
        for (std::string word; std::getline(list, word, ',');)
            words.insert(word.substr(word.find_first_not_of(' ')));
        return words;
    };
    const auto keys_of = [](const nlohmann::json& object) {
        std::set<std::string> keys;
        for (const auto& [key, value] : object["properties"].items()) keys.insert(key);
        return keys;
    };
    CHECK(accepted_after(fault("inputs: [a]\nstranger: 1")) == keys_of(schema));
    CHECK(accepted_after(fault("inputs: [{uri: a, stranger: 1}]")) ==
          keys_of(schema["properties"]["inputs"]["items"]["anyOf"][1]));
    for (const auto& [key, value] : schema["properties"].items()) {
        if (!value.contains("enum")) continue;
        std::set<std::string> words;
        for (const auto& word : value["enum"])
            words.insert(word.is_string() ? word.get<std::string>() : word.dump());
        CHECK(accepted_after(fault("inputs: [a]\n" + key + ": stranger")) == words);
    }
    const JobDocument defaults;
    CHECK(schema["properties"]["preset"]["default"] == defaults.preset);
    CHECK(schema["properties"]["output"]["default"] == defaults.output);
}

TEST_CASE("output folders are named after the files") {
    CHECK(names_of({input("film.mov"),
                    input("/a/b/Clip.final.mp4"),
                    input("-"),
                    input("frames/%04d.png"),
                    input("shot_%d.dpx"),
                    input("%d.png"),
                    input("../%d.png"),
                    input("https://example.org/x/film3.mp4?token=a/b"),
                    input("dir/noextension")}) == std::vector<std::string>{"film",
                                                                           "Clip.final",
                                                                           "stdin",
                                                                           "frames",
                                                                           "shot",
                                                                           "images",
                                                                           "images-2",
                                                                           "film3",
                                                                           "noextension"});
}

TEST_CASE("names given to inputs are kept, others make way") {
    CHECK(
        names_of(
            {input("film.mov"), input("film.mkv"), input("x.mov", "film"), input("film-2.mov")}) ==
        std::vector<std::string>{"film-2", "film-3", "film", "film-2-2"});
    // One folder on file systems that do not tell capitals apart.
    CHECK(names_of({input("Film.mov"), input("film.mov")}) ==
          std::vector<std::string>{"Film", "film-2"});
}

TEST_CASE("output folders are safe names whatever the input is called") {
    const std::string film = "\xE6\x98\xA0\xE7\x94\xBB";  // two characters of three bytes
    std::string longest;
    for (int i = 0; i < 100; ++i) longest += film;
    const auto names = names_of({input(film + ".mp4"),
                                 input(".hidden.mp4"),
                                 input(".."),
                                 input("."),
                                 input("/"),
                                 input(""),
                                 input("a\nb:c?.mp4"),
                                 input("\xC3\x28\xFF.mp4"),
                                 input(longest + ".mp4"),
                                 input(longest + ".mkv"),
                                 input(" . .mp4"),
                                 input("a\\b.mp4"),
                                 input("x", "../../etc/passwd")});
    CHECK(names[0] == film);
    CHECK(names[1] == "hidden");
    std::set<std::string> all;
    for (const auto& name : names) {
        INFO(name);
        CHECK_FALSE(name.empty());
        CHECK(name.size() <= 100);
        CHECK(name.front() != '.');
        CHECK(name.find_first_of("/\\\n:?") == std::string::npos);
        CHECK_NOTHROW(nlohmann::json(name).dump());  // throws on bytes that are no UTF-8
        CHECK(all.insert(name).second);
    }
}
