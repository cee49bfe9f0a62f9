#include <chrono>
#include <csignal>
#include <fstream>
#include <iterator>
#include <random>
#include <set>
#include <stop_token>
#include <thread>

#include <support/catch.hpp>

#include "made.hpp"
#include "program.hpp"
#include "quick.hpp"

using namespace sg::test;

namespace {

using Digests = std::map<std::string, std::string>;
namespace fs = std::filesystem;

constexpr int kChunks = 5;

/// A film of five chunks, and what an undisturbed run makes of it.
class Film {
  public:
    Film() : source_(make_clip(folder / "film.mp4", clip()).string()) {
        const auto ended = streamgate(words("whole"));
        INFO(ended.out << ended.err);
        REQUIRE(ended.exit_code == 0);
        whole = digests(folder / "whole");
        REQUIRE(ended.events("chunk.done").size() == kChunks);
    }

    [[nodiscard]] std::vector<std::string> words(const std::string& out,
                                                 const std::vector<std::string>& more = {}) const {
        std::vector<std::string> all{source_, "-o", (folder / out).string(), "--jobs", "2"};
        all.insert(all.end(), more.begin(), more.end());
        return quick_words(folder, all);
    }

    TempFolder folder;
    Digests whole;

  private:
    static ClipOptions clip() { return flash_and_beep(9.4); }

    std::string source_;
};

std::set<int> chunks_done(const Ended& ended) {
    std::set<int> done;
    for (const auto& event : ended.events("chunk.done")) {
        CHECK(done.insert(event.at("data").at("chunk").get<int>()).second);
        CHECK(event.at("data").at("seconds").get<double>() > 0);
    }
    return done;
}

/// Goes on with what an interrupted run left, and checks that nothing finished is made again.
void resume(const Film& film, const std::string& out, const Ended& interrupted) {
    const auto resumed = streamgate(film.words(out, {"--resume"}));
    INFO(interrupted.out << "resumed:\n" << resumed.out << resumed.err);
    REQUIRE(resumed.exit_code == 0);
    CHECK(digests(film.folder / out) == film.whole);
    const auto before = chunks_done(interrupted);
    for (const int chunk : chunks_done(resumed)) {
        CAPTURE(chunk);
        CHECK(before.count(chunk) == 0);
    }
}

bool gone(pid_t process) {
    std::ifstream stat("/proc/" + std::to_string(process) + "/stat");
    std::string text((std::istreambuf_iterator<char>(stat)), {});
    const auto name_end = text.rfind(')');
    return name_end == std::string::npos || text.substr(name_end + 2, 1) == "Z";
}

}  // namespace

TEST_CASE("killed at any moment, a resumed run makes what an undisturbed one does") {
    const Film film;
    std::mt19937 random(20260131);
    for (int round = 0; round < 7; ++round) {
        CAPTURE(round);
        const auto out = "killed" + std::to_string(round);
        Program program(film.words(out));
        const auto lines = 2 + random() % 20;
        for (unsigned i = 0; i < lines && program.line(); ++i) {
        }
        std::this_thread::sleep_for(std::chrono::microseconds(random() % 40'000));
        const auto children = program.children();
        program.signal(SIGKILL);
        const auto ended = program.finish();
        const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        for (const auto child : children) {
            while (!gone(child) && std::chrono::steady_clock::now() < until)
                std::this_thread::yield();
            CHECK(gone(child));
        }
        if (ended.exit_code == 0) continue;
        CHECK(ended.exit_code == 128 + SIGKILL);
        resume(film, out, ended);
    }
}

TEST_CASE("killed while it publishes or clears up, a run makes nothing again") {
    const Film film;
    int killed = 0;
    for (int round = 0; round < 40 && killed < 12; ++round) {
        CAPTURE(round);
        const auto out = "publishing" + std::to_string(round);
        Program program(film.words(out));
        while (const auto line = program.line()) {
            if (line->find(R"("stage":"publish")") != std::string::npos) break;
        }
        // From the first link to the last removal, whatever this machine needs for them.
        std::this_thread::sleep_for(std::chrono::microseconds(round % 12 * 500));
        program.signal(SIGKILL);
        const auto ended = program.finish();
        if (ended.exit_code == 0) continue;
        ++killed;
        resume(film, out, ended);
        for (const auto& left : fs::directory_iterator(film.folder / out))
            CHECK_FALSE(left.path().filename().string().starts_with(".streamgate"));
    }
    CHECK(killed > 0);
}

TEST_CASE("a run killed again and again gets to the same end") {
    const Film film;
    std::mt19937 random(7);
    std::set<int> done;
    for (int round = 0; round < 4; ++round) {
        Program program(film.words("again", {"--resume"}));
        const auto lines = 5 + random() % 6;
        for (unsigned i = 0; i < lines && program.line(); ++i) {
        }
        program.signal(SIGKILL);
        const auto ended = program.finish();
        for (const int chunk : chunks_done(ended)) CHECK(done.insert(chunk).second);
    }
    const auto last = streamgate(film.words("again", {"--resume"}));
    INFO(last.out << last.err);
    REQUIRE(last.exit_code == 0);
    CHECK(digests(film.folder / "again") == film.whole);
}

TEST_CASE("a killed child costs its chunk's time and nothing else") {
    const Film film;
    std::string out;
    Ended ended;
    // A run whose child is done before the signal comes is no test of it.
    for (int attempt = 0; attempt < 10 && ended.events("task.failed").empty(); ++attempt) {
        out = "out" + std::to_string(attempt);
        Program program(film.words(out));
        REQUIRE(program.read_until("plan"));
        std::vector<pid_t> children;
        while (children.empty() && !program.over()) children = program.children();
        if (!children.empty()) ::kill(children.front(), SIGKILL);
        ended = program.finish();
        INFO(ended.out << ended.err);
        REQUIRE(ended.exit_code == 0);
    }
    CHECK(digests(film.folder / out) == film.whole);
    const auto failures = ended.events("task.failed");
    REQUIRE_FALSE(failures.empty());
    for (const auto& failed : failures) {
        CHECK(failed.at("data").at("code") == "crashed");
        CHECK(failed.at("data").at("retry") == true);
    }
}

TEST_CASE("when its children are killed every time, a run gives up and can be resumed") {
    const Film film;
    Program program(film.words("out"));
    REQUIRE(program.read_until("chunk.done"));
    Ended ended;
    {
        const std::jthread killer([&](const std::stop_token& stop) {
            while (!stop.stop_requested()) {
                for (const auto child : program.children()) ::kill(child, SIGKILL);
            }
        });
        ended = program.finish();
    }
    INFO(ended.out << ended.err);
    CHECK(ended.exit_code == 1);
    const auto failed = ended.one("input.failed");
    CHECK(failed.at("code") == "crashed");
    CHECK(failed.at("resumable") == true);
    CHECK_FALSE(fs::exists(film.folder / "out" / "index.m3u8"));
    resume(film, "out", ended);
}

TEST_CASE("an interrupt ends with 130, publishes nothing and can be resumed") {
    const Film film;
    struct Way {
        std::string name;
        std::vector<int> signals;
        std::vector<std::string> more;
    };
    for (const auto& way : {Way{"int", {SIGINT}, {}},
                            Way{"twice", {SIGINT, SIGINT}, {}},
                            Way{"term", {SIGTERM}, {}},
                            Way{"alone", {SIGINT}, {"--in-process"}}}) {
        CAPTURE(way.name);
        std::string out;
        Ended ended;
        // A run that is over before the signal comes is no test of it.
        bool late = true;
        for (int attempt = 0; attempt < 10 && late; ++attempt) {
            out = way.name + std::to_string(attempt);
            Program program(film.words(out, way.more));
            REQUIRE(program.read_until("chunk.done"));
            late = program.over();
            const auto begin = std::chrono::steady_clock::now();
            for (const int number : way.signals) program.signal(number);
            ended = program.finish();
            // Two seconds are promised; the bound is wide for slow machines.
            CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(10));
        }
        INFO(ended.out << ended.err);
        CHECK(ended.exit_code == 130);
        if (way.signals.size() == 1) {
            const auto failed = ended.one("input.failed");
            CHECK(failed.at("code") == "cancelled");
            CHECK(failed.at("resumable") == true);
            CHECK(fs::is_empty(film.folder / out / ".streamgate") == false);
            CHECK_FALSE(fs::exists(film.folder / out / ".streamgate" / "attempts"));
        }
        CHECK_FALSE(fs::exists(film.folder / out / "index.m3u8"));
        CHECK_FALSE(fs::exists(film.folder / out / "manifest.mpd"));
        resume(film, out, ended);
    }
}

TEST_CASE("what is complete, changed or made by another preset is not resumed") {
    const Film film;
    const auto complete = streamgate(film.words("whole", {"--resume"}));
    INFO(complete.out << complete.err);
    CHECK(complete.exit_code == 0);
    CHECK(complete.events("chunk.done").empty());
    CHECK(digests(film.folder / "whole") == film.whole);

    const auto twice = streamgate(film.words("whole"));
    INFO(twice.out << twice.err);
    CHECK(twice.exit_code == 1);
    CHECK(twice.one("input.failed").at("code") == "invalid_argument");
    CHECK(digests(film.folder / "whole") == film.whole);

    Program program(film.words("other"));
    REQUIRE(program.read_until("chunk.done"));
    program.signal(SIGKILL);
    const auto ended = program.finish();
    const auto other = streamgate(film.words("other", {"--resume", "--set", "video.crf=30"}));
    INFO(other.out << other.err);
    CHECK(other.exit_code == 1);
    CHECK(other.one("input.failed").at("code") == "invalid_argument");
    resume(film, "other", ended);

    const auto over = streamgate(film.words("whole", {"--overwrite", "--set", "video.crf=40"}));
    INFO(over.out << over.err);
    CHECK(over.exit_code == 0);
    CHECK(streamgate({"verify", (film.folder / "whole").string()}).exit_code == 0);
    CHECK(digests(film.folder / "whole").size() == film.whole.size());
}

TEST_CASE("what is overwritten early goes, also when the run was interrupted and resumed") {
    const Film film;
    const std::string ladder =
        "video.ladder=[{name: other, width: 80, height: 60, max_bitrate: 100k}]";
    const std::vector<std::string> more{"--overwrite", "--publish", "early", "--set", ladder};
    const auto out = film.folder / "whole";
    const auto over = streamgate(film.words("whole", more));
    INFO(over.out << over.err);
    REQUIRE(over.exit_code == 0);
    CHECK(fs::exists(out / "other"));
    CHECK_FALSE(fs::exists(out / "high"));

    Program program(film.words("whole", {"--overwrite"}));
    REQUIRE(program.read_until("chunk.done"));
    program.signal(SIGKILL);
    CHECK(program.finish().exit_code != 0);
    const auto ended = streamgate(film.words("whole", {"--resume"}));
    INFO(ended.out << ended.err);
    REQUIRE(ended.exit_code == 0);
    CHECK(digests(out) == film.whole);
}

TEST_CASE("what an interrupted run showed early goes when another one begins again") {
    const Film film;
    std::vector<std::string> words{"--publish",
                                   "early",
                                   "--set",
                                   "video.ladder=[{name: other, width: 80, height: 60, "
                                   "max_bitrate: 100k}]"};
    Program program(film.words("out", words));
    REQUIRE(program.read_until("published.early"));
    program.signal(SIGKILL);
    CHECK(program.finish().exit_code != 0);
    const auto out = film.folder / "out";
    REQUIRE(fs::exists(out / "other" / "seg-1.m4s"));
    std::ofstream(film.folder / "out" / "notes.txt") << "mine";
    const auto refused = streamgate(film.words("out"));
    CHECK(refused.exit_code == 1);
    CHECK(refused.one("input.failed").at("message").get<std::string>().find("--resume") !=
          std::string::npos);
    const auto again = streamgate(film.words("out", {"--overwrite"}));
    INFO(again.out << again.err);
    REQUIRE(again.exit_code == 0);
    CHECK_FALSE(fs::exists(out / "other"));
    CHECK(fs::remove(out / "notes.txt"));
    CHECK(digests(out) == film.whole);
}
