#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <support/catch.hpp>
#include <support/temp_folder.hpp>

#include "run_program.hpp"

using namespace sg::test;

namespace {

const std::string kProgram = SG_TEST_STREAMGATE;
const std::vector<std::string> kSmall{
    "--set",
    "video.ladder=[{name: low, width: 160, height: 90, max_bitrate: 200k, buffer: 300k}]",
    "--set",
    "packaging.segment=2s"};

ProgramResult run(std::vector<std::string> words) {
    words.insert(words.begin(), kProgram);
    return run_program(words);
}

std::vector<std::string> transcode(const std::vector<std::string>& words) {
    std::vector<std::string> all{"transcode"};
    all.insert(all.end(), kSmall.begin(), kSmall.end());
    all.insert(all.end(), words.begin(), words.end());
    return all;
}

std::string make_film(const TempFolder& folder, int seconds) {
    const auto path = (folder / "film.mp4").string();
    const auto made = run_program(
        {SG_TEST_SAMPLE, "--size", "320x180", "--seconds", std::to_string(seconds), path});
    INFO(made.err);
    REQUIRE(made.exit_code == 0);
    return path;
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("usage errors exit with 2, say so on standard error and print nothing else") {
    for (const auto& words :
         std::vector<std::vector<std::string>>{{},
                                               {"transcode"},
                                               {"transcode", "a.mov", "--presset", "x"},
                                               {"nonsense"},
                                               {"transcode", "a.mov", "--preset", "no-such-preset"},
                                               {"transcode", "--manifest", "/no/such/list.csv"},
                                               {"transcode", "--job", "/no/such/job.yaml"},
                                               {"transcode", "a.mov", "--set", "video.crff=3"},
                                               {"presets", "show", "no-such-preset"}}) {
        const auto result = run(words);
        INFO(result.err);
        CHECK(result.exit_code == 2);
        CHECK(result.out.empty());
        CHECK_FALSE(result.err.empty());
    }
    CHECK(contains(run({"transcode", "a.mov", "--presset", "x"}).err, "did you mean --preset?"));
}

TEST_CASE("help and version go to standard output") {
    const auto help = run({"--help"});
    CHECK(help.exit_code == 0);
    CHECK(contains(help.out, "Examples:"));
    const auto version = run({"--version"});
    CHECK(version.exit_code == 0);
    CHECK(contains(version.out, "streamgate "));
    CHECK(contains(version.out, "libavcodec "));
}

TEST_CASE("presets are listed, shown and checked") {
    CHECK(contains(run({"presets", "list"}).out, "web-hd@"));
    CHECK(nlohmann::json::parse(run({"presets", "list", "--json"}).out).size() >= 9);
    CHECK(contains(run({"presets", "show", "web-hd"}).out, "1080p"));
    const TempFolder folder;
    std::ofstream(folder / "bad.yaml") << "name: x\nvideo: {codec: h265}\n";
    const auto bad = run({"presets", "check", (folder / "bad.yaml").string()});
    CHECK(bad.exit_code == 1);
    CHECK(contains(bad.out, "bad.yaml:2"));
}

TEST_CASE("what cannot be read exits with 3 and one line") {
    const TempFolder folder;
    std::ofstream(folder / "text.mov") << "this is not a film\n";
    std::ofstream(folder / "empty.mov");
    for (const auto& name : {"text.mov", "empty.mov", "missing.mov", "."}) {
        const auto path = (folder / name).string();
        for (const char* command : {"probe", "plan"}) {
            const auto result = run({command, path});
            INFO(result.err);
            CHECK(result.exit_code == 3);
            CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
        }
    }
    const auto result = run(
        transcode({(folder / "text.mov").string(), "-o", (folder / "out").string(), "--quiet"}));
    INFO(result.err);
    CHECK(result.exit_code == 3);
    CHECK_FALSE(std::filesystem::exists(folder / "out" / "index.m3u8"));
}

TEST_CASE(
    "probe and plan answer for people and for programs, the plan always with the same bytes") {
    const TempFolder folder;
    const auto film = make_film(folder, 3);
    CHECK(contains(run({"probe", film}).out, "320x180"));
    CHECK(nlohmann::json::parse(run({"probe", film, "--json"}).out).contains("streams"));
    CHECK(nlohmann::json::parse(run({"probe", film, "--json", "--full"}).out).contains("index"));
    CHECK_FALSE(run({"plan", film}).out.empty());
    const auto once = run({"plan", film, "--json", "--jobs", "1"}).out;
    const auto twice = run({"plan", film, "--json", "--jobs", "1"}).out;
    CHECK(once == twice);
    CHECK(nlohmann::json::parse(once).contains("estimate"));
}

TEST_CASE("a film becomes streams with a summary, and verify finds them good") {
    const TempFolder folder;
    const auto film = make_film(folder, 3);
    const auto out = (folder / "out").string();
    const auto result = run(transcode({film, "-o", out}));
    INFO(result.err);
    REQUIRE(result.exit_code == 0);
    for (const char* part : {"RENDITION", "low", "index.m3u8", "manifest.mpd", "Watch:"})
        CHECK(contains(result.out, part));
    CHECK(contains(result.err, "encode"));
    CHECK_FALSE(contains(result.err, "\x1b"));
    const auto verified = run({"verify", out});
    INFO(verified.out << verified.err);
    CHECK(verified.exit_code == 0);
    CHECK(nlohmann::json::parse(run({"verify", out, "--json"}).out).is_object());
}

TEST_CASE(
    "with --json every line on standard output is an event, and one bad input leaves the other "
    "alone") {
    const TempFolder folder;
    const auto film = make_film(folder, 2);
    std::ofstream(folder / "bad.mov") << "no";
    const auto result = run(transcode(
        {film, (folder / "bad.mov").string(), "-o", (folder / "out").string(), "--json"}));
    INFO(result.err);
    CHECK(result.exit_code == 1);
    std::istringstream lines(result.out);
    std::uint64_t expected = 1;
    std::string last;
    for (std::string line; std::getline(lines, line);) {
        const auto event = nlohmann::json::parse(line);
        CHECK(event.at("seq") == expected++);
        CHECK(event.at("data").is_object());
        last = event.at("type");
    }
    CHECK(last == "finished");
    for (const char* type :
         {"input.started", "plan", "progress", "published", "input.finished", "input.failed"}) {
        CHECK(contains(result.out, "\"type\":\"" + std::string(type) + "\""));
    }
    CHECK(std::filesystem::exists(folder / "out" / "film" / "index.m3u8"));
}

TEST_CASE("the printed job is a job document that does the same") {
    const TempFolder folder;
    const auto printed =
        run(transcode({"a.mov", "b.mov", "-o", "x", "--publish", "early", "--print-job"}));
    REQUIRE(printed.exit_code == 0);
    std::ofstream(folder / "job.json") << printed.out;
    const auto again = run({"transcode", "--job", (folder / "job.json").string(), "--print-job"});
    INFO(again.err);
    CHECK(again.out == printed.out);
}

TEST_CASE("the sample jobs and manifests are good") {
    const std::filesystem::path samples = SG_TEST_SAMPLES;
    for (const char* name : {"one-film.yaml", "several-films.yaml"}) {
        CHECK(run({"transcode", "--job", (samples / "jobs" / name).string(), "--print-job"})
                  .exit_code == 0);
    }
    for (const char* name : {"films.csv", "films.ndjson"}) {
        CHECK(
            run({"transcode", "--manifest", (samples / "manifests" / name).string(), "--print-job"})
                .exit_code == 0);
    }
}

TEST_CASE("on a terminal progress is redrawn, and Ctrl-C ends with 130 and a hint to resume") {
    const TempFolder folder;
    const auto film = make_film(folder, 60);
    std::vector<std::string> words{kProgram,
                                   "transcode",
                                   film,
                                   "-o",
                                   (folder / "out").string(),
                                   "--set",
                                   "video.speed=veryslow"};
    const auto result = run_on_terminal(words, "encode");
    INFO(result.text);
    CHECK(result.exit_code == 130);
    CHECK(contains(result.text, "\x1b["));
    CHECK(contains(result.text, "--resume"));
    CHECK_FALSE(std::filesystem::exists(folder / "out" / "index.m3u8"));
}
