#include <chrono>
#include <csignal>
#include <fstream>
#include <functional>
#include <set>
#include <thread>

#include <unistd.h>

#include <fmt/format.h>
#include <jobs/job_table.hpp>
#include <jobs/watch_folder.hpp>
#include <nlohmann/json.hpp>
#include <sys/wait.h>

#include <base/file.hpp>
#include <base/ids.hpp>
#include <support/catch.hpp>
#include <support/temp_folder.hpp>

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using namespace sg;
using namespace sg::jobs;

namespace {

const SystemClock kClock;

Millis now() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(kClock.wall().time_since_epoch())
        .count();
}

bool eventually(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(5ms);
    }
    return true;
}

void put(const fs::path& file, const std::string& text) {
    fs::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
}

/// As a careful sender does it.
void move_in(const fs::path& file, const std::string& text) {
    put(file.native() + ".part", text);
    fs::rename(file.native() + ".part", file);
}

Result<std::string> make_job(sql::Connection& db, const WatchRule& rule, const fs::path& file) {
    Job job;
    job.id = make_id("job", kClock);
    job.owner = rule.owner;
    job.preset = rule.preset;
    job.document = nlohmann::json{{"inputs", {{{"uri", file.native()}}}}}.dump();
    job.external_id = file.native();
    job.priority = rule.priority;
    job.created = now();
    job.state = JobState::kQueued;
    SG_TRY(insert_job(db, job));
    return job.id;
}

WatchRule rule_of(const fs::path& folder) {
    WatchRule rule;
    rule.name = "films";
    rule.folder = folder;
    rule.globs = {"*.mov", "*.mp4"};
    rule.preset = "web-hd@1";
    rule.owner = "studio";
    rule.stable = 300ms;
    return rule;
}

/// Time goes on when a test says so.
class HandClock final : public Clock {
  public:
    [[nodiscard]] Monotonic now() const override {
        return begin_ + std::chrono::milliseconds(passed_.load());
    }
    [[nodiscard]] Wall wall() const override { return kClock.wall(); }
    void pass(std::chrono::milliseconds time) { passed_ += time.count(); }

  private:
    Monotonic begin_ = kClock.now();
    std::atomic<std::int64_t> passed_ = 0;
};

/// A service that watches, without anybody who does the jobs.
struct Watching {
    NullMetrics metrics;
    std::unique_ptr<sql::Database> database;
    std::unique_ptr<EventHub> hub;
    std::unique_ptr<WatchFolders> watch;

    Watching(const fs::path& data,
             WatchRule rule,
             SubmitFile submit = make_job,
             const Clock& clock = kClock) {
        auto tables = migrations();
        for (auto& table : watch_migrations()) tables.push_back(table);
        auto opened = sql::Database::open({data / "streamgate.db", tables}, metrics);
        if (!opened) FAIL(opened.error().message);
        database = std::move(*opened);
        hub = std::make_unique<EventHub>(*database, kClock);
        WatchOptions options;
        options.rules = {std::move(rule)};
        options.rescan = 400ms;
        options.submit = std::move(submit);
        auto started = WatchFolders::start(std::move(options), *database, *hub, clock, metrics);
        if (!started) FAIL(started.error().message);
        watch = std::move(*started);
    }

    std::vector<Job> jobs() {
        auto reader = database->read();
        REQUIRE(reader);
        std::vector<Job> all;
        JobFilter filter;
        filter.limit = 1000;
        for (;;) {
            auto page = list_jobs(**reader, filter);
            REQUIRE(page);
            all.insert(all.end(), page->begin(), page->end());
            if (page->size() < 1000) return all;
            filter.before_seq = page->back().seq;
        }
    }

    void end(const std::string& job, AttemptEnd how) {
        const auto status = database->write_now([&](sql::Connection& db) -> Status {
            SG_TRY_ASSIGN(auto lease, take_lease(db, job, "worker", now(), now() + 10'000));
            return end_attempt(db, lease, how, now());
        });
        if (!status) FAIL(status.error().message);
    }
    void succeed(const std::string& job) {
        AttemptEnd end_of;
        end_of.outcome = "succeeded";
        end_of.result = R"({"folder":"out"})";
        end(job, end_of);
    }
};

nlohmann::json report(const fs::path& file) {
    return nlohmann::json::parse(read_file(file, 1 << 20).value());
}

}  // namespace

TEST_CASE("a file that was moved in becomes one job, and goes to done when that has succeeded") {
    const test::TempFolder folder;
    Watching service(folder / "data", rule_of(folder / "in"));
    move_in(folder / "in/film.mov", "film");
    REQUIRE(eventually([&] { return service.jobs().size() == 1; }));
    const auto job = service.jobs().front();
    CHECK(job.external_id == folder / "in/film.mov");
    CHECK(job.owner == "studio");
    service.succeed(job.id);
    REQUIRE(eventually([&] { return fs::exists(folder / "in/done/film.mov.json"); }));
    CHECK(fs::exists(folder / "in/done/film.mov"));
    CHECK_FALSE(fs::exists(folder / "in/film.mov"));
    const auto told = report(folder / "in/done/film.mov.json");
    CHECK(told["job"] == job.id);
    CHECK(told["state"] == "succeeded");
    CHECK(told["outputs"]["folder"] == "out");

    // Again under the same name: a new job, and nothing is overwritten.
    move_in(folder / "in/film.mov", "another film");
    REQUIRE(eventually([&] { return service.jobs().size() == 2; }));
    const auto second = service.jobs().front();
    service.succeed(second.id);
    const auto name = fmt::format("in/done/film-{}.mov", second.id);
    REQUIRE(eventually([&] { return fs::exists(folder / (name + ".json")); }));
    CHECK(read_file(folder / name, 100).value() == "another film");
    CHECK(read_file(folder / "in/done/film.mov", 100).value() == "film");
    // Back again: the same file may be done twice.
    fs::rename(folder / "in/done/film.mov", folder / "in/film.mov");
    CHECK(eventually([&] { return service.jobs().size() == 3; }));
}

TEST_CASE("a failed or cancelled job's file goes to the failed folder with the reason") {
    const test::TempFolder folder;
    Watching service(folder / "data", rule_of(folder / "in"));
    move_in(folder / "in/bad.mov", "bad");
    move_in(folder / "in/unwanted.mov", "unwanted");
    REQUIRE(eventually([&] { return service.jobs().size() == 2; }));
    for (const auto& job : service.jobs()) {
        if (job.external_id.ends_with("bad.mov")) {
            AttemptEnd end;
            end.state = JobState::kFailed;
            end.outcome = "failed";
            end.code = "bad_data";
            end.message = "no streams";
            end.retry_class = RetryClass::kInput;
            service.end(job.id, end);
        } else {
            REQUIRE(service.database->write_now([&](sql::Connection& db) {
                return request_cancel(db, job.id, "not wanted", now());
            }));
        }
    }
    REQUIRE(eventually([&] { return fs::exists(folder / "in/failed/bad.mov.json"); }));
    REQUIRE(eventually([&] { return fs::exists(folder / "in/failed/unwanted.mov.json"); }));
    CHECK(report(folder / "in/failed/bad.mov.json")["message"] == "no streams");
    CHECK(report(folder / "in/failed/unwanted.mov.json")["state"] == "cancelled");
}

TEST_CASE("links that a sender lays out do not lead what ended out of the watched folder") {
    const test::TempFolder folder;
    fs::create_directories(folder / "in/failed");
    fs::create_directories(folder / "elsewhere");
    put(folder / "precious", "mine");
    Watching service(folder / "data", rule_of(folder / "in"));
    fs::remove(folder / "in/failed");
    fs::create_directory_symlink(folder / "elsewhere", folder / "in/failed");
    move_in(folder / "in/a.mov", "film");
    REQUIRE(eventually([&] { return service.jobs().size() == 1; }));
    const auto unwanted = service.jobs().front().id;
    REQUIRE(service.database->write_now(
        [&](sql::Connection& db) { return request_cancel(db, unwanted, "not wanted", now()); }));
    // A good one after it: when that has gone to done, the bad one's turn is over.
    fs::create_directories(folder / "in/done");
    fs::create_symlink(folder / "precious", folder / "in/done/b.mov.json.part");
    move_in(folder / "in/b.mov", "another film");
    REQUIRE(eventually([&] { return service.jobs().size() == 2; }));
    for (const auto& job : service.jobs()) {
        if (job.state == JobState::kQueued) service.succeed(job.id);
    }
    REQUIRE(eventually([&] { return fs::exists(folder / "in/done/b.mov"); }));
    CHECK(fs::exists(folder / "in/a.mov"));
    CHECK(fs::is_empty(folder / "elsewhere"));
    CHECK(read_file(folder / "precious", 100).value() == "mine");
}

TEST_CASE("a growing file is left alone until it stands still") {
    const test::TempFolder folder;
    HandClock clock;
    std::atomic<std::uintmax_t> size_when_taken = 0;
    Watching service(
        folder / "data",
        rule_of(folder / "in"),
        [&](sql::Connection& db, const WatchRule& rule, const fs::path& file) {
            size_when_taken = fs::file_size(file);
            return make_job(db, rule, file);
        },
        clock);
    fs::create_directories(folder / "in");
    std::ofstream file(folder / "in/film.mp4");
    std::uintmax_t written = 0;
    for (int i = 0; i < 40; ++i) {
        file << std::string(1000, 'x') << std::flush;
        written += 1000;
        clock.pass(100ms);
        std::this_thread::sleep_for(20ms);
    }
    CHECK(service.jobs().empty());
    const auto taken = [&] {
        clock.pass(20ms);
        return service.jobs().size() == 1;
    };
    SECTION("and closed") {
        file.close();
        REQUIRE(eventually(taken));
    }
    SECTION("or, still open, for much longer") {
        REQUIRE(eventually(taken));
    }
    CHECK(size_when_taken == written);
}

TEST_CASE("unfinished and hidden names, links and other kinds of files are no jobs") {
    const test::TempFolder folder;
    put(folder / "outside.mov", "x");
    for (const auto* name : {".film.mov",
                             "film.mov.part",
                             "film.mov.crdownload",
                             "notes.txt",
                             "film.mov~",
                             "sub/film.mov",
                             "bad\xff.mov"}) {
        put(folder / "in" / name, "x");
    }
    fs::create_symlink(folder / "outside.mov", folder / "in/link.mov");
    fs::create_directory(folder / "in/folder.mov");
    Watching service(folder / "data", rule_of(folder / "in"));
    move_in(folder / "in/FILM.MOV", "x");
    REQUIRE(eventually([&] { return !service.jobs().empty(); }));
    // A rescan that found the first one has seen the others too; so has a later one.
    move_in(folder / "in/second.mov", "y");
    REQUIRE(eventually([&] { return service.jobs().size() > 1; }));
    std::set<std::string> names;
    for (const auto& job : service.jobs()) names.insert(fs::path(job.external_id).filename());
    CHECK(names == std::set<std::string>{"FILM.MOV", "second.mov"});
}

TEST_CASE("a recursive rule keeps subfolders, and does not follow links to folders") {
    const test::TempFolder folder;
    put(folder / "elsewhere/linked.mov", "x");
    auto rule = rule_of(folder / "in");
    rule.recursive = true;
    Watching service(folder / "data", rule);
    fs::create_directories(folder / "in");
    fs::create_directory_symlink(folder / "elsewhere", folder / "in/link");
    put(folder / "in/a/b/film.mov", "x");
    REQUIRE(eventually([&] { return service.jobs().size() == 1; }));
    service.succeed(service.jobs().front().id);
    REQUIRE(eventually([&] { return fs::exists(folder / "in/done/a/b/film.mov.json"); }));
    fs::rename(folder / "in/a", folder / "in/c");
    put(folder / "in/c/b/second.mov", "y");
    REQUIRE(eventually([&] { return service.jobs().size() == 2; }));
    CHECK(service.jobs().front().external_id == folder / "in/c/b/second.mov");
}

TEST_CASE("a watched folder may come later, go and come back") {
    const test::TempFolder folder;
    Watching service(folder / "data", rule_of(folder / "in"));
    CHECK(eventually([&] { return !service.watch->problems().empty(); }));
    move_in(folder / "in/one.mov", "1");
    REQUIRE(eventually([&] { return service.jobs().size() == 1; }));
    CHECK(eventually([&] { return service.watch->problems().empty(); }));
    fs::rename(folder / "in", folder / "gone");
    CHECK(eventually([&] { return !service.watch->problems().empty(); }));
    fs::rename(folder / "gone", folder / "in");
    move_in(folder / "in/two.mov", "2");
    REQUIRE(eventually([&] { return service.jobs().size() == 2; }));
}

TEST_CASE("a file that cannot be a job goes to the failed folder; one that could later stays") {
    const test::TempFolder folder;
    std::atomic<int> tries = 0;
    Watching service(folder / "data",
                     rule_of(folder / "in"),
                     [&](sql::Connection& db,
                         const WatchRule& rule,
                         const fs::path& file) -> Result<std::string> {
                         if (file.filename() == "odd.mov") {
                             return Error{Errc::kInvalidArgument, "no such preset"};
                         }
                         if (++tries == 1) return Error{Errc::kLimit, "too many jobs"};
                         return make_job(db, rule, file);
                     });
    move_in(folder / "in/odd.mov", "x");
    move_in(folder / "in/film.mov", "x");
    REQUIRE(eventually([&] { return fs::exists(folder / "in/failed/odd.mov.json"); }));
    CHECK(report(folder / "in/failed/odd.mov.json")["message"] == "no such preset");
    CHECK(fs::exists(folder / "in/failed/odd.mov"));
    REQUIRE(eventually([&] { return service.jobs().size() == 1; }));
    CHECK(tries >= 2);
}

TEST_CASE("thousands of files at once are a job each, also when the service is killed amid them") {
    constexpr std::size_t kFiles = 2'000;
    const test::TempFolder folder;
    for (std::size_t i = 0; i < kFiles; ++i) {
        put(folder / "in" / fmt::format("film-{}.mov", i), std::to_string(i));
    }
    const auto marker = folder / "enough";
    const pid_t child = fork();
    if (child == 0) {
        std::size_t count = 0;
        const Watching service(
            folder / "data",
            rule_of(folder / "in"),
            [&](sql::Connection& db, const WatchRule& rule, const fs::path& file) {
                if (++count == kFiles / 3) put(marker, "");
                return make_job(db, rule, file);
            });
        for (;;) pause();
    }
    CHECK(eventually([&] { return fs::exists(marker); }));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);

    std::set<std::string> names;
    {
        Watching service(folder / "data", rule_of(folder / "in"));
        REQUIRE(eventually([&] { return service.jobs().size() >= kFiles; }));
        for (const auto& job : service.jobs()) names.insert(job.external_id);
        CHECK(names.size() == kFiles);
        // Ends that nobody heard of.
        service.watch.reset();
        const auto jobs = service.jobs();
        CHECK(jobs.size() == kFiles);
        for (std::size_t i = 0; i < 10; ++i) service.succeed(jobs[i].id);
    }
    Watching service(folder / "data", rule_of(folder / "in"));
    move_in(folder / "in/last.mov", "last");
    REQUIRE(eventually([&] { return service.jobs().size() == kFiles + 1; }));
    REQUIRE(eventually([&] {
        return fs::exists(folder / "in/done") &&
               std::distance(fs::directory_iterator(folder / "in/done"), {}) == 20;
    }));
    CHECK(service.jobs().size() == kFiles + 1);
}

TEST_CASE("rules that cannot be are refused with what is wrong") {
    const test::TempFolder folder;
    NullMetrics metrics;
    auto tables = migrations();
    for (auto& table : watch_migrations()) tables.push_back(table);
    auto database = sql::Database::open({folder / "data/streamgate.db", tables}, metrics);
    REQUIRE(database);
    EventHub hub(**database, kClock);
    const auto refused = [&](const std::function<void(WatchRule&)>& change) {
        WatchOptions options;
        options.rules = {rule_of(folder / "in")};
        change(options.rules.front());
        options.submit = make_job;
        const auto started =
            WatchFolders::start(std::move(options), **database, hub, kClock, metrics);
        REQUIRE_FALSE(started);
        CHECK(started.error().code == Errc::kInvalidArgument);
        return started.error().message;
    };
    CHECK(refused([](WatchRule& rule) { rule.preset.clear(); }) ==
          "watch rule 'films': it names no preset");
    CHECK(refused([](WatchRule& rule) { rule.done = rule.folder / "."; }) ==
          "watch rule 'films': its done or failed folder is the watched one; choose another");
    refused([](WatchRule& rule) { rule.name.clear(); });
    refused([](WatchRule& rule) { rule.folder.clear(); });
    refused([](WatchRule& rule) { rule.stable = 0ms; });
}
