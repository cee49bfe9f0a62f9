#include "command_line.hpp"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include <support/catch.hpp>
#include <support/temp_folder.hpp>

#include "completion.hpp"
#include "job_builder.hpp"

using namespace sg;
using namespace sg::apps;

namespace {

std::variant<Invocation, Leave> parse(std::vector<const char*> words) {
    words.insert(words.begin(), "streamgate");
    return parse_command_line(static_cast<int>(words.size()), words.data());
}

template <class T>
T parsed(std::vector<const char*> words) {
    auto result = parse(std::move(words));
    if (const auto* leave = std::get_if<Leave>(&result)) FAIL(leave->text);
    return std::get<T>(std::get<Invocation>(result).command);
}

Leave left(std::vector<const char*> words) {
    auto result = parse(std::move(words));
    REQUIRE(std::holds_alternative<Leave>(result));
    return std::get<Leave>(result);
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("transcode flags become options") {
    const auto o = parsed<TranscodeOptions>(
        {"transcode", "a.mov",    "--set",          "video.crf=21", "b.mov",           "-o",
         "dir",       "-p",       "mobile",         "--set",        "x=a=b",           "--jobs",
         "3",         "--resume", "--publish",      "early",        "--verify",        "full",
         "--strict",  "0.5",      "--memory-limit", "2G",           "--stall-timeout", "2m",
         "--quality"});
    CHECK(o.inputs == std::vector<std::string>{"a.mov", "b.mov"});
    CHECK(o.overrides == std::map<std::string, std::string>{{"video.crf", "21"}, {"x", "a=b"}});
    CHECK(o.output == "dir");
    CHECK(o.preset == "mobile");
    CHECK(o.jobs == 3);
    CHECK(o.resume);
    CHECK(o.publish == engine::PublishMode::kEarly);
    CHECK(o.verify == engine::VerifyMode::kFull);
    CHECK(o.strict_percent == 0.5);
    CHECK(o.memory_limit_bytes == std::int64_t{2} << 30);
    CHECK(o.stall_seconds == 120);
    CHECK(o.quality);
    CHECK_FALSE(o.overwrite);
}

TEST_CASE("standard input is named by a dash") {
    CHECK(parsed<TranscodeOptions>({"transcode", "-", "-o", "x"}).inputs ==
          std::vector<std::string>{"-"});
}

TEST_CASE("no-verify turns checking off") {
    CHECK(parsed<TranscodeOptions>({"transcode", "a", "--no-verify"}).verify ==
          engine::VerifyMode::kOff);
    CHECK(left({"transcode", "a", "--no-verify", "--verify", "full"}).code == ExitCode::kUsage);
}

TEST_CASE("flags only build a job document") {
    const auto job = build_job(parsed<TranscodeOptions>(
        {"transcode", "a.mov", "-o", "dir", "--strict", "0", "--quality"}));
    REQUIRE(job);
    CHECK(job->inputs.size() == 1);
    CHECK(job->output == "dir");
    CHECK(job->preset == "web-hd");
    CHECK(job->quality);
    CHECK(job->overrides.at("limits.max_decode_errors_percent") == "0.00");
}

TEST_CASE("the other commands are understood") {
    CHECK(parsed<ProbeOptions>({"probe", "a", "--full", "--json"}).full);
    CHECK(parsed<PlanOptions>({"plan", "a", "--set", "video.crf=20"}).overrides.size() == 1);
    CHECK(parsed<VerifyOptions>({"verify", "out", "--full"}).mode == engine::VerifyMode::kFull);
    CHECK(parsed<PresetsOptions>({"presets", "check", "x.yaml"}).action ==
          PresetsOptions::Action::kCheck);
    CHECK(parsed<PresetsOptions>({"presets", "list"}).action == PresetsOptions::Action::kList);
    CHECK(left({"--version"}).wants_version);
}

TEST_CASE("a wrong flag gets a suggestion and a hint in two lines") {
    const auto leave = left({"transcode", "a.mov", "--presset", "x"});
    CHECK(leave.code == ExitCode::kUsage);
    CHECK(leave.text ==
          "streamgate: unknown flag '--presset'; did you mean --preset?\nTry 'streamgate transcode "
          "--help'.\n");
}

TEST_CASE("a flag that is cut short, swapped or far off is told apart") {
    CHECK(contains(left({"transcode", "a", "--over"}).text, "did you mean --overwrite?"));
    CHECK(contains(left({"transcode", "a", "--resmue=1"}).text, "did you mean --resume?"));
    CHECK(contains(left({"transcode", "a", "-z"}).text, "unknown flag '-z'"));
    CHECK_FALSE(contains(left({"transcode", "a", "--bananas"}).text, "did you mean"));
}

TEST_CASE("a wrong command gets a suggestion") {
    CHECK(contains(left({"trancode", "a.mov"}).text, "did you mean transcode?"));
    CHECK(contains(left({"xyzzy"}).text, "there are: transcode, probe"));
    CHECK(contains(left({"presets", "shw", "x"}).text, "did you mean show?"));
}

TEST_CASE("what cannot be is a usage error") {
    const std::vector<std::vector<const char*>> wrong{{"transcode"},
                                                      {"transcode", "a", "--jobs", "0"},
                                                      {"transcode", "a", "--jobs", "many"},
                                                      {"transcode", "a", "--set", "novalue"},
                                                      {"transcode", "a", "--strict", "101"},
                                                      {"transcode", "a", "--memory-limit", "big"},
                                                      {"transcode", "a", "--job", "j.yaml"},
                                                      {"transcode", "a", "--json", "--quiet"},
                                                      {"transcode", "a", "-o"},
                                                      {"probe"},
                                                      {"probe", "a", "b"},
                                                      {"presets"},
                                                      {"completion", "tcsh"},
                                                      {"transcode", "a", "--log-level", "loud"}};
    for (const auto& words : wrong) {
        const auto leave = left(words);
        INFO(leave.text);
        CHECK(leave.code == ExitCode::kUsage);
        CHECK(leave.text.find("streamgate: ") == 0);
        CHECK(contains(leave.text, "--help'"));
    }
    CHECK(left({}).code == ExitCode::kUsage);
}

TEST_CASE("help shows groups, examples and exit codes") {
    const auto root = left({"--help"});
    CHECK(root.code == ExitCode::kSuccess);
    for (const char* part : {"Streams",
                             "Settings",
                             "transcode",
                             "probe",
                             "plan",
                             "verify",
                             "presets",
                             "completion",
                             "Examples:",
                             "130 interrupted"}) {
        CHECK(contains(root.text, part));
    }
    const auto transcode = left({"transcode", "--help"}).text;
    for (const char* part : {"What to make",
                             "How to run",
                             "Quality",
                             "Diagnosis",
                             "--in-process",
                             "Examples:",
                             "--resume"}) {
        CHECK(contains(transcode, part));
    }
    for (const char* command : {"probe", "plan", "verify", "presets", "completion"}) {
        CHECK(contains(left({command, "--help"}).text, "Examples:"));
    }
    CHECK_FALSE(contains(root.text, "task"));
}

TEST_CASE("help fits a terminal of a hundred columns") {
    for (const auto& words : std::vector<std::vector<const char*>>{
             {"--help"}, {"transcode", "--help"}, {"plan", "--help"}}) {
        const auto text = left(words).text;
        for (std::size_t at = 0; at < text.size();) {
            const auto end = std::min(text.find('\n', at), text.size());
            INFO(text.substr(at, end - at));
            CHECK(end - at <= 100);
            at = end + 1;
        }
    }
}

TEST_CASE("completion scripts name every command, flag and preset") {
    const auto spec = command_line_spec();
    for (const char* shell : {"bash", "zsh", "fish"}) {
        const auto script = completion_script(spec, shell);
        INFO(shell);
        for (const char* word :
             {"transcode", "verify", "in-process", "stall-timeout", "web-hd", "schema"}) {
            CHECK(contains(script, word));
        }
    }
    CHECK(completion_script(spec, "tcsh").empty());
}

TEST_CASE("bash completes commands, flags and values") {
    const test::TempFolder folder;
    const auto script = folder / "streamgate.bash";
    const auto out = folder / "out";
    std::ofstream(script) << completion_script(command_line_spec(), "bash");
    const auto complete = [&](const std::string& words, int at) {
        const auto command = "bash -c 'source \"" + script.string() + "\"; COMP_WORDS=(" + words +
                             "); COMP_CWORD=" + std::to_string(at) +
                             "; _streamgate 2>/dev/null; echo \"${COMPREPLY[@]}\"' > \"" +
                             out.string() + "\"";
        REQUIRE(std::system(command.c_str()) == 0);
        std::ifstream in(out);
        std::string line;
        std::getline(in, line);
        return line;
    };
    CHECK(complete("streamgate tr", 1) == "transcode");
    CHECK(complete("streamgate transcode --over", 2) == "--overwrite");
    CHECK(complete("streamgate transcode --publish e", 3) == "early end");
    CHECK(contains(complete("streamgate transcode --preset web-", 3), "web-hd"));
    CHECK(complete("streamgate presets sho", 2) == "show");
    CHECK(complete("streamgate completion z", 2) == "zsh");
}
