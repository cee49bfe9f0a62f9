#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <string>
#include <thread>

#include <jobs/job_folders.hpp>
#include <nlohmann/json.hpp>

#include <support/catch.hpp>
#include <support/raw_server.hpp>

#include "job_bench.hpp"

using namespace sg;
using namespace sg::jobs;
using sg::test::JobBench;

namespace fs = std::filesystem;

namespace {

bool has(const std::vector<std::string>& all, const std::string& one) {
    return std::find(all.begin(), all.end(), one) != all.end();
}

/// `wanted` in this order, others between them.
bool in_order(const std::vector<std::string>& all, const std::vector<std::string>& wanted) {
    auto at = all.begin();
    for (const auto& one : wanted) {
        at = std::find(at, all.end(), one);
        if (at == all.end()) return false;
        ++at;
    }
    return true;
}

bool work_is_gone(JobBench& bench, const std::string& id) {
    return bench.until([&] { return !fs::exists(work_folder(bench.folder / "data", id)); });
}

}  // namespace

TEST_CASE("a job that is inserted runs to its end, with every state and task told") {
    JobBench bench;
    bench.start();
    const auto id = bench.submit(JobBench::document({bench.film(4).string()}));
    REQUIRE(bench.until_ended(id));
    const auto job = bench.job(id);
    INFO(job.message);
    REQUIRE(job.state == JobState::kSucceeded);
    CHECK(job.percent == 100);
    CHECK(job.outputs_bytes > 0);
    REQUIRE(job.attempts.size() == 1);
    CHECK(job.attempts.front().outcome == "succeeded");
    CHECK(job.entered.contains("publishing"));
    CHECK(in_order(bench.types_of(id),
                   {"job.queued",
                    "job.planning",
                    "job.running",
                    "job.verifying",
                    "job.publishing",
                    "job.succeeded"}));

    const auto out = own_output_folder(bench.folder / "data", id);
    CHECK(fs::exists(out / "index.m3u8"));
    CHECK(fs::exists(out / "manifest.mpd"));
    const auto result = nlohmann::json::parse(job.result);
    CHECK(result["inputs"][0]["ok"] == true);
    CHECK(result["inputs"][0]["renditions"].size() == 3);

    std::vector<std::string> names;
    for (const auto& task : bench.tasks(id)) {
        names.push_back(task.name);
        INFO(task.name);
        CHECK(task.state == TaskState::kSucceeded);
        CHECK(task.ended >= task.started);
        if (task.name.starts_with("chunk-")) CHECK(task.speed > 0);
    }
    for (const char* name : {"plan", "chunk-00000", "chunk-00001", "audio", "verify", "publish"})
        CHECK(has(names, name));
    CHECK(work_is_gone(bench, id));

    auto reader = bench.database->read();
    const auto speed = expected_speed(**reader, {"h264", "ultrafast", 120, 0});
    REQUIRE(speed);
    REQUIRE(*speed);
    CHECK((*speed)->median > 0);
}

TEST_CASE("what is queued before the runner starts is taken at once") {
    JobBench bench;
    std::vector<std::string> ids;
    for (int i = 0; i < 3; ++i)
        ids.push_back(bench.submit(JobBench::document({bench.film(2).string()})));
    bench.start();
    for (const auto& id : ids) {
        REQUIRE(bench.until_ended(id));
        CHECK(bench.job(id).state == JobState::kSucceeded);
    }
}

TEST_CASE("a bad input fails its job without a retry, and says why") {
    JobBench bench;
    const auto text = bench.folder.path() / "media" / "notes.mp4";
    std::ofstream(text) << "this is no film at all, only some words in a file";
    bench.start();
    const auto bad = bench.submit(JobBench::document({text.string()}));
    const auto missing =
        bench.submit(JobBench::document({(bench.folder.path() / "media" / "none.mp4").string()}));
    const auto outside = bench.submit(JobBench::document({"/etc/passwd"}));
    const auto preset = bench.submit(R"({"inputs": ["/x.mp4"], "preset": "/etc/preset.yaml"})");
    const auto unreadable = bench.submit(R"({"input": 1})");
    for (const auto& [id, code] :
         std::vector<std::pair<std::string, std::string>>{{bad, "bad_data"},
                                                          {missing, "not_found"},
                                                          {outside, "permission"},
                                                          {preset, "permission"},
                                                          {unreadable, "invalid_argument"}}) {
        REQUIRE(bench.until_ended(id));
        const auto job = bench.job(id);
        CHECK(job.state == JobState::kFailed);
        CHECK(job.percent < 100);
        CHECK(job.reason == code);
        CHECK(job.retry_class == RetryClass::kInput);
        CHECK(job.attempts.size() == 1);
        CHECK_FALSE(job.message.empty());
        CHECK(work_is_gone(bench, id));
        CHECK(
            bench.until([&] { return !fs::exists(own_output_folder(bench.folder / "data", id)); }));
    }
}

TEST_CASE("one bad input of several fails the job; what the others made stays") {
    JobBench bench;
    const auto text = bench.folder.path() / "media" / "notes.mp4";
    std::ofstream(text) << "this is no film at all, only some words in a file";
    bench.start();
    const auto id = bench.submit(JobBench::document({bench.film(2).string(), text.string()}));
    REQUIRE(bench.until_ended(id));
    const auto job = bench.job(id);
    CHECK(job.state == JobState::kFailed);
    const auto out = own_output_folder(bench.folder / "data", id);
    CHECK(fs::exists(out / "film-2" / "index.m3u8"));
    CHECK(work_is_gone(bench, id));
    CHECK(bench.until([&] { return !fs::exists(out / "notes"); }));
    CHECK(job.outputs_bytes > 0);

    // Killed before all of it was removed: the work folder says that the rest is still to go.
    const auto work = work_folder(bench.folder / "data", id);
    bench.stop();
    fs::create_directories(out / "notes" / "high");
    fs::create_directories(work);
    bench.start();
    CHECK_FALSE(fs::exists(work));
    CHECK_FALSE(fs::exists(out / "notes"));
    CHECK(fs::exists(out / "film-2" / "index.m3u8"));
}

TEST_CASE("a cancelled job ends soon, and nothing of it stays") {
    JobBench bench;
    bench.start();
    const auto id = bench.submit(JobBench::document({bench.film(60).string()}));
    REQUIRE(bench.until_in(id, JobState::kRunning));
    REQUIRE(bench.until([&] { return !JobBench::children().empty(); }));
    bench.write(
        [&](sql::Connection& db) { return request_cancel(db, id, "no more", bench.now()); });
    REQUIRE(bench.until_ended(id));
    CHECK(bench.job(id).state == JobState::kCancelled);
    CHECK(bench.until([] { return JobBench::children().empty(); }));
    CHECK(work_is_gone(bench, id));
    CHECK(bench.until([&] { return !fs::exists(own_output_folder(bench.folder / "data", id)); }));
    for (const auto& task : bench.tasks(id)) CHECK(task.state != TaskState::kRunning);
}

TEST_CASE("a task that is killed is run again, and the job succeeds") {
    JobBench bench;
    bench.start();
    const auto id = bench.submit(JobBench::document({bench.film(20).string()}));
    int killed = 0;
    REQUIRE(bench.until([&] {
        if (killed < 3) {
            for (const int pid : JobBench::children()) {
                if (::kill(pid, SIGKILL) == 0) ++killed;
            }
        }
        return ended(bench.job(id).state);
    }));
    CHECK(killed >= 3);
    const auto job = bench.job(id);
    INFO(job.message);
    CHECK(job.state == JobState::kSucceeded);
    CHECK(has(bench.types_of(id), "task.failed"));
}

TEST_CASE("a stopped worker hands its jobs back, and the next one goes on at the chunk") {
    JobBench bench;
    bench.start([](RunnerOptions& options) { options.heavy_slots = 1; });
    const auto id = bench.submit(JobBench::document({bench.film(30).string()}));
    const auto chunks_done = [&] {
        const auto all = bench.tasks(id);
        return std::count_if(all.begin(), all.end(), [](const Task& task) {
            return task.name.starts_with("chunk-") && task.state == TaskState::kSucceeded;
        });
    };
    REQUIRE(bench.until([&] { return chunks_done() >= 3; }));
    std::atomic<bool> done = false;
    bench.runner->stop(std::chrono::milliseconds(0), [&] { done = true; });
    REQUIRE(bench.until([&] { return done.load(); }));
    const auto before = bench.job(id);
    CHECK(before.state == JobState::kQueued);
    REQUIRE(before.attempts.size() == 1);
    CHECK(before.attempts.front().outcome == "handed_back");
    CHECK(JobBench::children().empty());

    bench.restart();
    REQUIRE(bench.until_ended(id));
    const auto job = bench.job(id);
    CHECK(job.state == JobState::kSucceeded);
    CHECK(job.attempts.size() == 2);
    // What was done is not done again.
    const auto types = bench.events_of(id);
    std::vector<std::string> started;
    for (const auto& event : types) {
        if (event.type != "task.finished") continue;
        const auto name = nlohmann::json::parse(event.data)["task"].get<std::string>();
        if (!name.starts_with("chunk-")) continue;
        CHECK_FALSE(has(started, name));
        started.push_back(name);
    }
    CHECK(started.size() == 15);
}

TEST_CASE("within the grace time a stopping worker finishes what it has and takes nothing more") {
    JobBench bench;
    bench.start([](RunnerOptions& options) { options.heavy_slots = 1; });
    const auto id = bench.submit(JobBench::document({bench.film(12).string()}));
    REQUIRE(bench.until_in(id, JobState::kRunning));
    std::atomic<bool> done = false;
    bench.runner->stop(std::chrono::minutes(2), [&] { done = true; });
    const auto late = bench.submit(JobBench::document({bench.film(4).string()}));
    REQUIRE(bench.until([&] { return done.load(); }));
    CHECK(bench.job(id).state == JobState::kSucceeded);
    CHECK(bench.job(late).state == JobState::kQueued);
    CHECK(bench.job(late).attempts.empty());
}

TEST_CASE("a draining worker takes nothing until it is told to go on") {
    JobBench bench;
    bench.start();
    bench.runner->drain();
    REQUIRE(bench.until([&] { return bench.runner->status().draining; }));
    const auto id = bench.submit(JobBench::document({bench.film(2).string()}));
    const auto other = bench.submit(JobBench::document({bench.film(2).string()}));
    CHECK(bench.job(id).state == JobState::kQueued);
    bench.runner->resume();
    REQUIRE(bench.until_ended(id));
    REQUIRE(bench.until_ended(other));
    CHECK_FALSE(bench.runner->status().draining);
}

TEST_CASE("a worker whose lease another has taken stops, and changes nothing any more") {
    JobBench bench;
    bench.start([](RunnerOptions& options) { options.lease = std::chrono::minutes(5); });
    const auto id = bench.submit(JobBench::document({bench.film(60).string()}));
    REQUIRE(bench.until_in(id, JobState::kRunning));
    // As if this process had been asleep for too long.
    bench.write([&](sql::Connection& db) -> Status {
        SG_TRY_ASSIGN(const auto gone, expire_leases(db, bench.now() + 3'600'000, {}));
        CHECK(gone.size() == 1);
        SG_TRY_ASSIGN(const auto lease,
                      take_lease(db, id, "another", bench.now(), bench.now() + 3'600'000));
        return enter_state(db, lease, JobState::kVerifying, "", bench.now());
    });
    REQUIRE(bench.until([&] { return bench.runner->status().jobs.empty(); }));
    CHECK(bench.until([] { return JobBench::children().empty(); }));
    const auto job = bench.job(id);
    CHECK(job.state == JobState::kVerifying);
    CHECK(job.worker == "another");
}

TEST_CASE("an accepted job waits for its upload") {
    JobBench bench;
    const auto film = bench.film(2);
    std::atomic<bool> whole = false;
    bench.start([&](RunnerOptions& options) {
        options.upload = [&](const std::string& upload,
                             const std::string& owner) -> Result<std::optional<fs::path>> {
            if (upload != "u1" || owner != "alice") return Error{Errc::kNotFound, "no upload"};
            return whole ? std::optional(film) : std::nullopt;
        };
    });
    const auto accepted = [](Job& job) { job.state = JobState::kAccepted; };
    const auto id = bench.submit(JobBench::document({"upload:u1"}), accepted);
    const auto gone = bench.submit(JobBench::document({"upload:u2"}), accepted);
    REQUIRE(bench.until_ended(gone));
    CHECK(bench.job(gone).state == JobState::kFailed);
    CHECK(bench.job(gone).reason == "not_found");
    CHECK(bench.job(id).state == JobState::kAccepted);
    whole = true;
    bench.write([&](sql::Connection& db) {
        Event event;
        event.time = bench.now();
        event.type = "upload.finished";
        event.subject = "u1";
        event.owner = "alice";
        return append_event(db, event);
    });
    REQUIRE(bench.until_ended(id));
    INFO(bench.job(id).message);
    CHECK(bench.job(id).state == JobState::kSucceeded);
}

TEST_CASE("a failed job that is retried by hand runs again") {
    JobBench bench;
    const auto film = bench.folder.path() / "media" / "late.mp4";
    bench.start();
    const auto id = bench.submit(JobBench::document({film.string()}));
    REQUIRE(bench.until_ended(id));
    CHECK(bench.job(id).state == JobState::kFailed);
    fs::copy_file(bench.film(2), film);
    bench.write([&](sql::Connection& db) { return retry_job(db, id, bench.now()); });
    REQUIRE(bench.until_in(id, JobState::kSucceeded));
    CHECK(bench.job(id).attempts.size() == 2);
}

TEST_CASE("outputs go to the folder that the document names, and can be deleted from there") {
    JobBench bench;
    const auto out = bench.folder.path() / "media" / "site" / "film";
    bench.start();
    const auto id = bench.submit(
        JobBench::document({bench.film(2).string()}, R"(, "output": ")" + out.string() + "\""));
    REQUIRE(bench.until_ended(id));
    INFO(bench.job(id).message);
    CHECK(bench.job(id).state == JobState::kSucceeded);
    CHECK(fs::exists(out / "index.m3u8"));
    std::ofstream(out / "mine.txt") << "not the service's";

    // Another job must not overwrite it.
    const auto other = bench.submit(
        JobBench::document({bench.film(2).string()}, R"(, "output": ")" + out.string() + "\""));
    REQUIRE(bench.until_ended(other));
    CHECK(bench.job(other).state == JobState::kFailed);
    CHECK(bench.job(other).reason == "invalid_argument");

    // Nor remove it.
    REQUIRE(delete_outputs(bench.folder / "data", bench.job(other)));
    CHECK(fs::exists(out / "index.m3u8"));
    CHECK(fs::exists(out / "high"));

    REQUIRE(delete_outputs(bench.folder / "data", bench.job(id)));
    CHECK_FALSE(fs::exists(out / "index.m3u8"));
    CHECK_FALSE(fs::exists(out / "high"));
    CHECK(fs::exists(out / "mine.txt"));
}

TEST_CASE("progress is told, and no more often than four times a second") {
    JobBench bench;
    std::mutex mutex;
    std::vector<std::pair<Millis, nlohmann::json>> told;
    const auto listener = bench.events->subscribe([&](const EventHub::Batch& batch) {
        const std::scoped_lock lock(mutex);
        for (const auto& event : batch) {
            if (event->type == "job.progress")
                told.emplace_back(event->time, nlohmann::json::parse(event->data));
        }
    });
    bench.start([](RunnerOptions& options) { options.heavy_slots = 1; });
    const auto id = bench.submit(JobBench::document({bench.film(40).string()}));
    const auto told_twice = [&] {
        const std::scoped_lock lock(mutex);
        return told.size() >= 2;
    };
    // Where tasks are done in no time, they are held up until there was something to tell.
    REQUIRE(bench.until([&] {
        if (told_twice()) return true;
        const auto tasks = JobBench::children();
        for (const int pid : tasks) ::kill(pid, SIGSTOP);
        if (!tasks.empty()) std::this_thread::sleep_for(std::chrono::milliseconds(260));
        for (const int pid : tasks) ::kill(pid, SIGCONT);
        return ended(bench.job(id).state);
    }));
    REQUIRE(bench.until_ended(id));
    const std::scoped_lock lock(mutex);
    REQUIRE(told.size() >= 2);
    double percent = 0;
    for (std::size_t i = 0; i < told.size(); ++i) {
        CHECK(told[i].second["percent"].get<double>() >= percent);
        percent = told[i].second["percent"].get<double>();
        if (i > 0) CHECK(told[i].first - told[i - 1].first >= 249);
    }
    CHECK(std::any_of(told.begin(), told.end(), [](const auto& one) {
        return one.second.contains("eta_low_s") &&
               one.second["eta_low_s"] <= one.second["eta_high_s"];
    }));
}

TEST_CASE("an accepted job is queued when its URL is fetched; a missing one fails it") {
    JobBench bench;
    std::ifstream file(bench.film(2), std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(file), {});
    const test::RawServer server([&](const std::string& request) {
        const bool there = request.starts_with("GET /film.mp4 ");
        return test::RawReply{there ? test::http_reply(200, {}, bytes)
                                    : test::http_reply(404, {}, "")};
    });
    bench.start([](RunnerOptions& options) { options.allow_private_addresses = true; });
    const auto accepted = [](Job& job) { job.state = JobState::kAccepted; };
    const auto id = bench.submit(JobBench::document({server.url("/film.mp4")}), accepted);
    const auto missing = bench.submit(JobBench::document({server.url("/none.mp4")}), accepted);
    REQUIRE(bench.until_ended(id));
    INFO(bench.job(id).message);
    CHECK(bench.job(id).state == JobState::kSucceeded);
    CHECK(in_order(bench.types_of(id), {"job.accepted", "job.queued", "job.planning"}));
    CHECK(work_is_gone(bench, id));
    REQUIRE(bench.until_ended(missing));
    CHECK(bench.job(missing).state == JobState::kFailed);
    CHECK(bench.job(missing).reason == "not_found");
    CHECK(bench.job(missing).retry_class == RetryClass::kInput);
}

TEST_CASE("an address that is refused fails its job without a request") {
    JobBench bench;
    bench.start();
    const auto id = bench.submit(JobBench::document({"http://127.0.0.1:9/film.mp4"}),
                                 [](Job& job) { job.state = JobState::kAccepted; });
    REQUIRE(bench.until_ended(id));
    CHECK(bench.job(id).state == JobState::kFailed);
    CHECK(bench.job(id).reason == "permission");
}

TEST_CASE("an urgent job waits for a chunk of a long one, not for its end") {
    JobBench bench;
    bench.start([](RunnerOptions& options) { options.heavy_slots = 1; });
    const auto bulk = bench.submit(JobBench::document({bench.film(60).string()}),
                                   [](Job& job) { job.priority = Priority::kBulk; });
    REQUIRE(bench.until_in(bulk, JobState::kRunning));
    const auto urgent = bench.submit(JobBench::document({bench.film(2).string()}),
                                     [](Job& job) { job.priority = Priority::kUrgent; });
    REQUIRE(bench.until_ended(urgent));
    CHECK(bench.job(urgent).state == JobState::kSucceeded);
    const auto events = bench.events_of(urgent);
    const auto same = [](const auto& event) { return event.type == "job.succeeded"; };
    const auto end = std::find_if(events.begin(), events.end(), same);
    REQUIRE(end != events.end());
    for (const auto& event : bench.events_of(bulk)) CHECK((!same(event) || event.seq > end->seq));
}

TEST_CASE("a worker that was killed loses its leases at once when the service opens again") {
    JobBench bench;
    const auto id = bench.submit(JobBench::document({bench.film(2).string()}));
    // Number 1 << 22 is above what this kernel gives processes.
    bench.write([&](sql::Connection& db) -> Status {
        SG_TRY_ASSIGN(const auto lease,
                      take_lease(db, id, "bench-4194305", bench.now(), bench.now() + 3'600'000));
        return enter_state(db, lease, JobState::kRunning, "", bench.now());
    });
    bench.start();
    REQUIRE(bench.until_ended(id));
    const auto job = bench.job(id);
    CHECK(job.state == JobState::kSucceeded);
    REQUIRE(job.attempts.size() == 2);
    CHECK(job.attempts.front().outcome == "lost");
}
