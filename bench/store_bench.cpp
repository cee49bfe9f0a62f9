// Figures of the job service's database: bench-store [folder] [jobs]. Prints one "name value unit"
// a line. The folder must lie on the disk that is to be measured; it gets a database that is left.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <jobs/event_log.hpp>
#include <jobs/job_table.hpp>
#include <sql/database.hpp>

#include <base/clock.hpp>
#include <base/ids.hpp>
#include <base/metric.hpp>

namespace {

using namespace sg;
using sql::Connection;
using sql::Database;

constexpr jobs::Millis kStart = 1'700'000'000'000;
constexpr int kQueued = 10'000;
constexpr int kOwners = 20;

template <class T>
T must(Result<T> result) {
    if (result) return std::move(*result);
    fmt::print(stderr, "{}\n", result.error().message);
    std::exit(1);
}
void must(const Status& status) {
    if (status) return;
    fmt::print(stderr, "{}\n", status.error().message);
    std::exit(1);
}

double now_s() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

void print(const std::string& name, double value, const char* unit) {
    fmt::print("{:<44} {:>12.1f} {}\n", name, value, unit);
    std::fflush(stdout);
}

double percentile(std::vector<double>& values, double q) {
    std::sort(values.begin(), values.end());
    return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1))];
}

/// Writes as a server has them: many under way, each answered after its commit.
void write_many(Database& database,
                const std::string& name,
                int count,
                int under_way,
                const std::function<Status(Connection&, int)>& work) {
    std::mutex mutex;
    std::condition_variable changed;
    int open = 0;
    std::vector<double> took;
    took.reserve(static_cast<std::size_t>(count));
    const double start = now_s();
    for (int i = 0; i < count; ++i) {
        {
            std::unique_lock lock(mutex);
            changed.wait(lock, [&] { return open < under_way; });
            ++open;
        }
        database.write([&work, i](Connection& db) { return work(db, i); },
                       [&, began = now_s()](const Status& status) {
                           must(status);
                           const std::lock_guard lock(mutex);
                           --open;
                           took.push_back(now_s() - began);
                           changed.notify_one();
                       });
    }
    {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return open == 0; });
    }
    print(name, count / (now_s() - start), "writes/s");
    print(name + ", median", percentile(took, 0.5) * 1e3, "ms");
    print(name + ", p95", percentile(took, 0.95) * 1e3, "ms");
}

void read_many(Database& database,
               const std::string& name,
               int threads,
               int each,
               const std::function<void(Connection&, std::mt19937&)>& action) {
    std::vector<std::thread> running;
    std::vector<std::vector<double>> took(static_cast<std::size_t>(threads));
    const double start = now_s();
    for (int t = 0; t < threads; ++t)
        running.emplace_back([&, t] {
            std::mt19937 random(static_cast<unsigned>(t));
            auto& mine = took[static_cast<std::size_t>(t)];
            for (int i = 0; i < each; ++i) {
                const double began = now_s();
                const auto reader = must(database.read());
                action(*reader, random);
                mine.push_back(now_s() - began);
            }
        });
    for (auto& thread : running) thread.join();
    print(name, threads * each / (now_s() - start), "reads/s");
    std::vector<double> all;
    for (const auto& some : took) all.insert(all.end(), some.begin(), some.end());
    print(name + ", median", percentile(all, 0.5) * 1e6, "us");
    print(name + ", p95", percentile(all, 0.95) * 1e6, "us");
}

jobs::Job job_of(const std::string& id, int i) {
    jobs::Job job;
    job.id = id;
    job.owner = fmt::format("owner-{}", i % kOwners);
    job.document = fmt::format(
        R"({{"inputs":[{{"uri":"/srv/media/films/{}.mov"}}],"preset":"web-hd@1","notes":"{}"}})",
        i,
        std::string(600, 'n'));
    job.preset = "web-hd@1";
    job.external_id = fmt::format("order-{}", i);
    job.tags = {{"show", fmt::format("show-{}", i % 500)}, {"kind", i % 3 == 0 ? "film" : "clip"}};
    job.created = kStart + i;
    job.state = jobs::JobState::kQueued;
    job.expected_s = 30;
    return job;
}

/// Takes a job and ends it, as a worker does.
Status finish(Connection& db, const std::string& id, int i) {
    const auto now = kStart + 200'000 + i;
    SG_TRY_ASSIGN(const auto lease, jobs::take_lease(db, id, "worker", now, now + 4'000));
    SG_TRY(jobs::enter_state(db, lease, jobs::JobState::kRunning, "", now));
    jobs::Task task;
    task.name = "chunk-00000";
    task.state = jobs::TaskState::kSucceeded;
    task.attempt = 1;
    task.worker = "worker";
    SG_TRY(jobs::write_task(db, lease, task, now));
    jobs::AttemptEnd end;
    end.state = i % 47 == 0 ? jobs::JobState::kFailed : jobs::JobState::kSucceeded;
    end.outcome = jobs::name_of(end.state);
    end.result = R"({"ok":true})";
    return jobs::end_attempt(db, lease, end, now);
}

void read_all(Database& database, const std::vector<std::string>& ids) {
    read_many(database, "get a job", 2, 20'000, [&](Connection& db, std::mt19937& random) {
        (void)must(jobs::find_job(db, ids[random() % ids.size()], ""));
    });
    const auto list = [&](const std::string& name, const jobs::JobFilter& filter) {
        read_many(
            database, "list 50, " + name, 2, 2'000, [&](Connection& db, std::mt19937& random) {
                auto mine = filter;
                mine.before_seq = static_cast<std::int64_t>(random() % ids.size()) + 2;
                (void)must(jobs::list_jobs(db, mine));
            });
    };
    jobs::JobFilter filter;
    list("all", filter);
    filter.owner = "owner-3";
    list("owner", filter);
    filter.states = {jobs::JobState::kFailed};
    list("owner and state", filter);
    filter.states = {jobs::JobState::kSucceeded, jobs::JobState::kFailed};
    filter.tag = {"show", "show-3"};
    list("owner, states and tag", filter);
    filter = {};
    filter.created_from = kStart + 20'000;
    filter.created_to = kStart + 30'000;
    list("time", filter);
}

}  // namespace

int main(int argc, char** argv) {
    const std::filesystem::path folder = argc > 1 ? argv[1] : "store-bench";
    const int count = argc > 2 ? std::atoi(argv[2]) : 100'000;
    if (count <= kQueued) {
        fmt::print(stderr, "at least {} jobs\n", kQueued + 1);
        return 2;
    }
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    NullMetrics metrics;
    sql::DatabaseOptions options;
    options.path = folder / "bench.db";
    options.migrations = jobs::migrations();
    double start = now_s();
    auto database = must(Database::open(options, metrics));
    const SystemClock clock;

    std::vector<std::string> ids;
    for (int i = 0; i < count; ++i) ids.push_back(make_id("job", clock));
    write_many(*database, "submit, 256 under way", count, 256, [&](Connection& db, int i) {
        return jobs::insert_job(db, job_of(ids[static_cast<std::size_t>(i)], i));
    });
    write_many(
        *database,
        "lease to end of a job, 256 under way",
        count - kQueued,
        256,
        [&](Connection& db, int i) { return finish(db, ids[static_cast<std::size_t>(i)], i); });
    int extra = count;
    write_many(*database, "submit, one at a time", 300, 1, [&](Connection& db, int) {
        auto job = job_of(make_id("job", clock), extra++);
        job.state = jobs::JobState::kAccepted;
        return jobs::insert_job(db, job);
    });
    read_all(*database, ids);
    read_many(*database, "candidates of 10,000 queued", 1, 500, [](Connection& db, std::mt19937&) {
        (void)must(jobs::candidates(db, kStart + 1'000'000));
    });
    read_many(*database, "totals of the queue", 1, 500, [](Connection& db, std::mt19937&) {
        (void)must(jobs::queue_totals(db));
    });
    const auto last = ids.back();
    read_many(*database, "position of the last", 1, 500, [&](Connection& db, std::mt19937&) {
        jobs::Job job;
        job.id = last;
        (void)must(jobs::queue_position(db, job));
    });

    std::atomic<bool> writing{true};
    std::thread writer([&] {
        write_many(
            *database, "submit, 64 under way, beside readers", 5'000, 64, [&](Connection& db, int) {
                return jobs::insert_job(db, job_of(make_id("job", clock), extra++));
            });
        writing = false;
    });
    while (writing)
        read_many(*database,
                  "get a job beside a writer",
                  1,
                  5'000,
                  [&](Connection& db, std::mt19937& random) {
                      (void)must(jobs::find_job(db, ids[random() % ids.size()], ""));
                  });
    writer.join();

    start = now_s();
    must(database->back_up(folder / "copy.db"));
    print("copy", (now_s() - start) * 1e3, "ms");
    database.reset();
    print("size", static_cast<double>(std::filesystem::file_size(options.path)) / 1e6, "MB");
    start = now_s();
    database = must(Database::open(options, metrics));
    print("open", (now_s() - start) * 1e3, "ms");
}
