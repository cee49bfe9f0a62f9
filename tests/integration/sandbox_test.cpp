#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

#include <sys/stat.h>

#include <support/catch.hpp>

#include "made.hpp"
#include "program.hpp"
#include "quick.hpp"

using namespace sg::test;

namespace {

namespace fs = std::filesystem;

/// Builds with sanitizers have no sandbox.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSandboxed = false;
#else
constexpr bool kSandboxed = true;
#endif

std::string contents(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// The value of a line of /proc/<pid>/status.
std::string status_of(pid_t pid, const std::string& field) {
    const auto text = contents("/proc/" + std::to_string(pid) + "/status");
    const auto at = text.find("\n" + field + ":\t");
    if (at == std::string::npos) return {};
    const auto from = at + field.size() + 3;
    return text.substr(from, text.find('\n', from) - from);
}

/// Waits until `happened`, with a generous deadline.
template <class Condition>
bool soon(Condition happened) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!happened()) {
        if (std::chrono::steady_clock::now() > until) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
}

/// 0 when it ended before one was seen.
pid_t first_child(const Program& program) {
    std::vector<pid_t> children;
    REQUIRE(soon([&] { return !(children = program.children()).empty() || program.over(); }));
    return children.empty() ? 0 : children.front();
}

/// Runs it, anew where it was faster than the signal to its first child, until `hit`.
template <class Words, class Hit>
Ended with_a_crash(Words words, Hit hit) {
    for (int attempt = 0; attempt < 20; ++attempt) {
        Program program(words(attempt));
        if (const auto child = first_child(program); child > 0) ::kill(child, SIGSEGV);
        auto ended = program.finish();
        if (hit(ended)) return ended;
    }
    FAIL("no signal came in time");
    return {};
}

/// A task that lives as long as nobody writes to its pipe.
class WaitingTask {
  public:
    explicit WaitingTask(const std::vector<std::string>& more) {
        const auto pipe = (folder / "pipe").string();
        REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
        std::vector<std::string> words{
            pipe, "-o", (folder / "out").string(), "--open-timeout", "60s"};
        words.insert(words.end(), more.begin(), more.end());
        program.emplace(quick_words(folder, words));
        task = first_child(*program);
        REQUIRE(task > 0);
    }
    TempFolder folder;
    std::optional<Program> program;
    pid_t task = -1;
};

std::vector<fs::path> bundles(const fs::path& state) {
    std::vector<fs::path> all;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(state / "streamgate/crashes", none))
        all.push_back(entry.path());
    return all;
}

}  // namespace

TEST_CASE("a task is locked in, and knows nothing of the environment's secrets") {
    ::setenv("STREAMGATE_TEST_SECRET", "hunter2hunter2", 1);
    if (!kSandboxed) return;
    const WaitingTask waiting({});
    ::unsetenv("STREAMGATE_TEST_SECRET");
    REQUIRE(soon([&] { return status_of(waiting.task, "Seccomp") == "2"; }));
    CHECK(status_of(waiting.task, "NoNewPrivs") == "1");
    CHECK(status_of(waiting.task, "CapBnd").find_first_not_of('0') == std::string::npos);
    const auto environment = contents("/proc/" + std::to_string(waiting.task) + "/environ");
    CHECK(environment.find("hunter2") == std::string::npos);
    CHECK(environment.find("PATH=") != std::string::npos);
}

TEST_CASE("--no-sandbox leaves a task as it is") {
    const WaitingTask waiting({"--no-sandbox"});
    REQUIRE(soon([&] {
        return contents("/proc/" + std::to_string(waiting.task) + "/comm") == "signals\n" ||
               status_of(waiting.task, "Threads") > "1";
    }));
    CHECK(status_of(waiting.task, "Seccomp") == "0");
}

TEST_CASE("as root, tasks become the worker's user, and what they made is root's again") {
    if (::geteuid() != 0) return;
    const TempFolder folder;
    const auto film = make_clip(folder / "film.mp4", flash_and_beep(3)).string();
    // Nobody else may come here.
    REQUIRE(::chmod(folder.path().c_str(), 0700) == 0);
    ::setenv("STREAMGATE_WORKER_USER", "65534:65534", 1);
    const auto ended =
        streamgate(quick_words(folder, {film, "-o", (folder / "out").string(), "--quality"}));
    ::unsetenv("STREAMGATE_WORKER_USER");
    INFO(ended.out << ended.err);
    REQUIRE(ended.exit_code == 0);
    for (const auto& entry : fs::recursive_directory_iterator(folder / "out")) {
        struct stat about {};
        REQUIRE(::lstat(entry.path().c_str(), &about) == 0);
        INFO(entry.path());
        CHECK(about.st_uid == 0);
    }
}

TEST_CASE("files that name other files give nothing of them") {
    const TempFolder folder;
    const std::string secret = (folder / "secret").string();
    std::ofstream(secret) << "top-secret-words\n";
    const std::map<std::string, std::string> crafted{
        {"list.m3u8",
         "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile://" + secret + "\n#EXT-X-ENDLIST\n"},
        {"nested.m3u8", "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nconcat:" + secret + "|x\n"},
        {"key.m3u8",
         "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"" + secret +
             "\"\n#EXTINF:1,\nx.ts\n#EXT-X-ENDLIST\n"},
        {"list.ffconcat", "ffconcat version 1.0\nfile '" + secret + "'\n"},
        {"session.sdp",
         "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
         "a=rtpmap:96 H264/90000\n"},
        {"manifest.mpd",
         "<?xml version=\"1.0\"?>\n<!DOCTYPE x [<!ENTITY e SYSTEM \"file://" + secret +
             "\">]>\n<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\"><BaseURL>file://" + secret +
             "</BaseURL></MPD>\n"},
        {"picture.svg",
         "<?xml version=\"1.0\"?><!DOCTYPE svg [<!ENTITY e SYSTEM \"file://" + secret +
             "\">]><svg xmlns=\"http://www.w3.org/2000/svg\"><text>&e;</text><image href=\"" +
             secret + "\"/></svg>\n"},
        {"script.vpy", "import os\nprint(open('" + secret + "').read())\n"},
        {"subtitles.ass", "[Script Info]\nTitle: " + secret + "\n"},
    };
    for (const auto& [name, text] : crafted) {
        const auto path = (folder / name).string();
        std::ofstream(path) << text;
        for (const auto& words :
             {std::vector<std::string>{"probe", "--full", path},
              quick_words(folder, {path, "-o", (folder / "out").string(), "--overwrite"})}) {
            const auto ended = streamgate(words);
            INFO(name << "\n" << ended.out << ended.err);
            CHECK(ended.exit_code != 0);
            CHECK(ended.exit_code < 128);
            CHECK((ended.out + ended.err).find("top-secret-words") == std::string::npos);
            CHECK((ended.out + ended.err).find("crash") == std::string::npos);
        }
    }
}

TEST_CASE("a task that crashes leaves a bundle, which is replayed") {
    const TempFolder folder;
    const auto state = folder / "state";
    ::setenv("XDG_STATE_HOME", state.c_str(), 1);
    const auto film = make_clip(folder / "film.mp4", flash_and_beep(9.4)).string();
    {
        const auto ended = with_a_crash(
            [&](int attempt) {
                const auto out = folder / ("out" + std::to_string(attempt));
                return quick_words(folder, {film, "-o", out.string()});
            },
            [](const Ended& run) { return !run.events("task.failed").empty(); });
        INFO(ended.out << ended.err);
        CHECK(ended.exit_code == 0);
    }
    const auto kept = bundles(state);
    REQUIRE(kept.size() == 1);
    const auto bundle = nlohmann::json::parse(contents(kept.front()));
    CHECK(bundle.at("signal") == "SIGSEGV");
    CHECK(fs::equivalent(bundle.at("source").get<std::string>(), film));
    CHECK(bundle.at("how_to_replay") == "streamgate replay " + kept.front().string());
    CHECK((fs::status(kept.front()).permissions() & fs::perms::others_all) == fs::perms::none);

    const auto well = streamgate({"replay", kept.front().string(), "--json"});
    INFO(well.out << well.err);
    CHECK(well.exit_code == 0);
    CHECK(nlohmann::json::parse(well.out).at("crashed") == false);
    {
        const auto ended = with_a_crash(
            [&](int) {
                return std::vector<std::string>{"replay", kept.front().string(), "--json"};
            },
            [](const Ended& run) { return run.exit_code != 0; });
        INFO(ended.out << ended.err);
        CHECK(ended.exit_code == 1);
        const auto report = nlohmann::json::parse(ended.out);
        CHECK(report.at("crashed") == true);
        CHECK(report.at("signal") == "SIGSEGV");
    }
    const auto in_process = streamgate({"replay", kept.front().string(), "--json", "--in-process"});
    CHECK(in_process.exit_code == 0);

    fs::rename(film, folder / "moved.mp4");
    const auto gone = streamgate({"replay", kept.front().string()});
    CHECK(gone.exit_code == 3);
    CHECK(gone.err.find("--source") != std::string::npos);
    const auto found =
        streamgate({"replay", kept.front().string(), "--source", (folder / "moved.mp4").string()});
    INFO(found.out << found.err);
    CHECK(found.exit_code == 0);

    std::ofstream(folder / "broken.json") << "{\"bundle_version\":1}";
    const auto broken = streamgate({"replay", (folder / "broken.json").string()});
    CHECK(broken.exit_code == 3);
    ::unsetenv("XDG_STATE_HOME");
}

TEST_CASE("doctor tells what this machine offers") {
    const auto ended = streamgate({"doctor", "--json"});
    const auto report = nlohmann::json::parse(ended.out);
    std::map<std::string, std::string> states;
    for (const auto& finding : report.at("machine"))
        states[finding.at("name")] = finding.at("state").get<std::string>();
    for (const auto* name : {"kernel", "libav", "encoder libx264", "encoder aac", "open files"}) {
        INFO(name);
        REQUIRE(states.contains(name));
        CHECK(states.at(name) == "good");
    }
    if (!kSandboxed) return;
    CHECK(states.contains("sandbox: files"));
    CHECK(states.contains("sandbox: network"));
}
