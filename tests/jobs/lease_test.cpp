#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "store_fixture.hpp"

using namespace sg;
using jobs::JobState;
using sql::Connection;
using test::code_of;
using test::JobStore;

namespace {

using Names = std::vector<std::string>;

Names expire(JobStore& store, const std::string& worker = "") {
    auto ids =
        store.in_write([&](Connection& db) { return jobs::expire_leases(db, store.now, worker); });
    REQUIRE(ids);
    std::sort(ids->begin(), ids->end());
    return *ids;
}

}  // namespace

TEST_CASE("leases: a job is held by one worker, and none of the other's writes counts", "[jobs]") {
    JobStore store;
    store.insert_queued("job_1");
    const auto first = store.take("job_1", "one");
    REQUIRE(first);
    CHECK(code_of(store.take("job_1", "two")) == "not_found");
    store.now += 4'000;
    const auto second = store.take("job_1", "two");
    REQUIRE(second);
    CHECK(second->token > first->token);

    const auto before = store.get("job_1");
    const auto types = store.event_types("job_1");
    const auto refused = [&](auto action) {
        const auto status = store.write([&](Connection& db) -> Status { return action(db); });
        REQUIRE_FALSE(status);
        CHECK(status.error().code == Errc::kPermission);
        CHECK(status.error().message.find("stale lease") == 0);
    };
    jobs::Task task;
    task.name = "chunk-00001";
    task.state = jobs::TaskState::kSucceeded;
    refused([&](Connection& db) { return jobs::write_task(db, *first, task, store.now); });
    refused([&](Connection& db) { return jobs::write_progress(db, *first, 50, 1); });
    refused([&](Connection& db) {
        return jobs::enter_state(db, *first, JobState::kRunning, "", store.now);
    });
    for (const auto state : {JobState::kSucceeded, JobState::kFailed, JobState::kQueued})
        refused([&](Connection& db) {
            jobs::AttemptEnd end;
            end.state = state;
            end.outcome = "x";
            return jobs::end_attempt(db, *first, end, store.now);
        });
    // The right token with the wrong job is as wrong.
    store.insert_queued("job_2");
    auto mixed = *second;
    mixed.job = "job_2";
    refused([&](Connection& db) { return jobs::write_progress(db, mixed, 50, 1); });
    refused([&](Connection& db) { return jobs::write_task(db, mixed, task, store.now); });
    const auto renewal = store.in_write([&](Connection& db) {
        return jobs::renew_leases(db, {*first, *second}, store.now + 4'000);
    });
    REQUIRE(renewal);

    const auto after = store.get("job_1");
    CHECK(after.version == before.version);
    CHECK(after.state == before.state);
    CHECK(after.percent == before.percent);
    CHECK(store.event_types("job_1") == types);
    const auto tasks = store.in_read([](Connection& db) { return jobs::tasks_of(db, "job_1"); });
    REQUIRE(tasks);
    CHECK(tasks->empty());
    REQUIRE(after.attempts.size() == 2);
    CHECK(after.attempts[0].outcome == "lost");
    CHECK(after.attempts[0].code == "worker_lost");
    CHECK(after.attempts[1].ended == 0);
}

TEST_CASE("leases: a renewal tells which of them are lost", "[jobs]") {
    JobStore store;
    std::vector<jobs::Lease> leases;
    for (int i = 0; i < 150; ++i) {
        const auto id = "job_" + std::to_string(i);
        store.insert_queued(id);
        const auto lease = store.take(id, "w");
        REQUIRE(lease);
        leases.push_back(*lease);
    }
    leases[3].token += 1'000;
    leases[140].token += 1'000;
    store.now += 2'000;
    const auto until = store.now + 4'000;
    const auto renewal =
        store.in_write([&](Connection& db) { return jobs::renew_leases(db, leases, until); });
    REQUIRE(renewal);
    auto lost = renewal->lost;
    std::sort(lost.begin(), lost.end());
    CHECK(lost == Names{"job_140", "job_3"});
    store.now += 2'000;
    CHECK(expire(store) == Names{"job_140", "job_3"});
    store.now += 1'999;
    CHECK(expire(store).empty());
    store.now += 1;
    CHECK(expire(store).size() == 148);
}

TEST_CASE("leases: a lost job is queued where it was, at once after a restart", "[jobs]") {
    JobStore store;
    store.insert_queued("job_1");
    store.insert_queued("job_2");
    const auto lease = store.take("job_1", "one");
    REQUIRE(lease);
    REQUIRE(store.take("job_2", "other"));
    jobs::Task task;
    task.name = "chunk-00001";
    task.state = jobs::TaskState::kRunning;
    task.worker = "one";
    task.attempt = 1;
    REQUIRE(store.write(
        [&](Connection& db) -> Status { return jobs::write_task(db, *lease, task, store.now); }));
    CHECK(*store.in_read([](Connection& db) { return jobs::lease_holders(db); }) ==
          Names{"one", "other"});
    CHECK(expire(store).empty());
    store.now += 500;
    CHECK(expire(store, "one") == Names{"job_1"});
    const auto job = store.get("job_1");
    CHECK(job.state == JobState::kQueued);
    CHECK(job.reason == "worker_lost");
    CHECK(job.retry_class == jobs::RetryClass::kTransient);
    CHECK(job.not_before == 0);
    CHECK(job.worker.empty());
    const auto tasks = store.in_read([](Connection& db) { return jobs::tasks_of(db, "job_1"); });
    REQUIRE(tasks);
    REQUIRE(tasks->size() == 1);
    CHECK(tasks->front().state == jobs::TaskState::kWaiting);
    CHECK(store.take("job_1", "two"));
    CHECK(store.get("job_2").state == JobState::kPlanning);
}

TEST_CASE("leases: a job that takes its workers down waits longer, then fails", "[jobs]") {
    JobStore store;
    store.insert_queued("job_1");
    jobs::Millis longest = 0;
    for (int loss = 1; loss <= jobs::kMaxLosses; ++loss) {
        const auto lease = store.take("job_1", "w");
        REQUIRE(lease);
        store.now += 5'000;
        REQUIRE(expire(store) == Names{"job_1"});
        const auto job = store.get("job_1");
        if (loss == jobs::kMaxLosses) break;
        REQUIRE(job.state == JobState::kQueued);
        if (job.not_before > 0) {
            const auto wait = job.not_before - store.now;
            CHECK(wait >= longest);
            longest = wait;
            CHECK(code_of(store.take("job_1", "w")) == "not_found");
            store.now = job.not_before;
        }
    }
    const auto job = store.get("job_1");
    CHECK(longest == 60'000);
    CHECK(job.state == JobState::kFailed);
    CHECK(job.reason == "worker_lost");
    CHECK(job.retry_class == jobs::RetryClass::kBug);
}

TEST_CASE("leases: a job that gets on may be lost any number of times", "[jobs]") {
    JobStore store;
    store.insert_queued("job_1");
    for (int loss = 0; loss < 3 * jobs::kMaxLosses; ++loss) {
        const auto lease = store.take("job_1", "w");
        REQUIRE(lease);
        jobs::Task task;
        task.name = "chunk-" + std::to_string(loss);
        task.state = jobs::TaskState::kSucceeded;
        task.attempt = loss + 1;
        REQUIRE(store.write([&](Connection& db) -> Status {
            return jobs::write_task(db, *lease, task, store.now);
        }));
        REQUIRE(expire(store, "w") == Names{"job_1"});
        REQUIRE(store.get("job_1").not_before == 0);
    }
    CHECK(store.get("job_1").state == JobState::kQueued);
}

TEST_CASE("leases: a lost job that was to be cancelled is", "[jobs]") {
    JobStore store;
    store.insert_queued("job_1");
    REQUIRE(store.take("job_1", "w"));
    REQUIRE(store.write([&](Connection& db) -> Status {
        return jobs::request_cancel(db, "job_1", "", store.now);
    }));
    store.now += 5'000;
    expire(store);
    CHECK(store.get("job_1").state == JobState::kCancelled);
}

TEST_CASE("leases: states are entered once and tell their events", "[jobs]") {
    JobStore store;
    store.insert_queued("job_1");
    const auto lease = store.take("job_1", "w");
    REQUIRE(lease);
    const auto enter = [&](JobState state) {
        return store.write([&](Connection& db) -> Status {
            return jobs::enter_state(db, *lease, state, "", store.now);
        });
    };
    REQUIRE(enter(JobState::kPlanning));
    REQUIRE(enter(JobState::kRunning));
    REQUIRE(enter(JobState::kRunning));
    CHECK(code_of(enter(JobState::kSucceeded)) == "internal");
    CHECK(code_of(enter(JobState::kQueued)) == "internal");
    jobs::Task task;
    task.name = "chunk-00000";
    task.attempt = 1;
    const auto write = [&](jobs::TaskState state, double percent) {
        task.state = state;
        task.percent = percent;
        REQUIRE(store.write([&](Connection& db) -> Status {
            return jobs::write_task(db, *lease, task, store.now);
        }));
    };
    write(jobs::TaskState::kWaiting, 0);
    write(jobs::TaskState::kRunning, 0);
    write(jobs::TaskState::kRunning, 40);
    write(jobs::TaskState::kFailed, 40);
    task.attempt = 2;
    write(jobs::TaskState::kRunning, 0);
    write(jobs::TaskState::kSucceeded, 100);
    CHECK(store.event_types("job_1") == Names{"job.accepted",
                                              "job.queued",
                                              "job.planning",
                                              "job.running",
                                              "task.started",
                                              "task.failed",
                                              "task.started",
                                              "task.finished"});
    REQUIRE(store.write(
        [&](Connection& db) -> Status { return jobs::write_progress(db, *lease, 61.5, 7.25); }));
    const auto job = store.get("job_1");
    CHECK(job.percent == 61.5);
    CHECK(job.expected_s == 7.25);
    CHECK(job.worker == "w");
}

TEST_CASE("leases: a retry waits for its time and keeps its place", "[jobs]") {
    JobStore store;
    store.insert_queued("job_1");
    const auto lease = store.take("job_1", "w");
    REQUIRE(lease);
    jobs::AttemptEnd end;
    end.state = JobState::kQueued;
    end.outcome = "failed";
    end.code = "io";
    end.message = "disk";
    end.retry_class = jobs::RetryClass::kTransient;
    end.retry_at = store.now + 3'000;
    const auto queued = store.now;
    store.now += 10;
    REQUIRE(store.end(*lease, end));
    const auto find = [&] {
        auto found = store.in_read([&](Connection& db) { return jobs::candidates(db, store.now); });
        REQUIRE(found);
        return *found;
    };
    CHECK(find().empty());
    CHECK(store.get("job_1").reason == "io");
    store.now = end.retry_at;
    REQUIRE(find().size() == 1);
    CHECK(find().front().queued == queued);
    CHECK(store.take("job_1", "w"));
}

TEST_CASE("leases: whatever workers do, a job has one holder and tokens only grow", "[jobs]") {
    JobStore store;
    std::mt19937 random(11);
    const auto pick = [&](std::size_t below) { return random() % below; };
    const Names workers{"a", "b", "c"};
    Names ids;
    for (int i = 0; i < 6; ++i) {
        ids.push_back("job_" + std::to_string(i));
        store.insert_queued(ids.back());
    }
    std::int64_t highest = 0;
    std::vector<jobs::Lease> all;                 // ever given
    std::map<std::string, jobs::Lease> standing;  // what the model says counts
    std::map<std::string, bool> over;
    for (int step = 0; step < 1'500; ++step) {
        store.now += static_cast<jobs::Millis>(pick(900));
        const auto& id = ids[pick(ids.size())];
        const auto runs_out = [&](const std::string& job) {
            const auto found = standing.find(job);
            return found != standing.end() && found->second.until <= store.now;
        };
        switch (pick(6)) {
            case 0:
            case 1: {
                const auto lease = store.take(id, workers[pick(3)]);
                const bool held = standing.count(id) != 0 && !runs_out(id);
                if (held || over[id]) REQUIRE_FALSE(lease);
                if (!lease) break;
                REQUIRE(lease->token > highest);
                highest = lease->token;
                all.push_back(*lease);
                standing[id] = *lease;
                break;
            }
            case 2: {
                std::vector<jobs::Lease> some;
                for (const auto& [job, lease] : standing)
                    if (pick(2) == 0) some.push_back(lease);
                const auto until = store.now + 4'000;
                const auto renewal = store.in_write(
                    [&](Connection& db) { return jobs::renew_leases(db, some, until); });
                REQUIRE(renewal);
                REQUIRE(renewal->lost.empty());
                for (const auto& lease : some) standing[lease.job].until = until;
                break;
            }
            case 3: {
                Names expected;
                for (const auto& [job, lease] : standing)
                    if (lease.until <= store.now) expected.push_back(job);
                REQUIRE(expire(store) == expected);
                for (const auto& job : expected) {
                    standing.erase(job);
                    over[job] = store.get(job).state == JobState::kFailed;
                }
                break;
            }
            case 4: {
                if (all.empty()) break;
                const auto& lease = all[pick(all.size())];
                const auto found = standing.find(lease.job);
                const bool counts = found != standing.end() && found->second.token == lease.token;
                const auto status = store.write([&](Connection& db) -> Status {
                    return jobs::write_progress(db, lease, 1, 1);
                });
                REQUIRE(code_of(status) == (counts ? "ok" : "permission"));
                break;
            }
            default: {
                const auto found = standing.find(id);
                if (found == standing.end()) break;
                jobs::AttemptEnd end;
                end.outcome = "handed_back";
                end.state = JobState::kQueued;
                REQUIRE(store.end(found->second, end));
                REQUIRE(code_of(store.end(found->second, end)) == "permission");
                standing.erase(found);
            }
        }
    }
    // The totals agree with the rows.
    const auto totals = store.in_read([](Connection& db) { return jobs::queue_totals(db); });
    REQUIRE(totals);
    std::map<JobState, std::int64_t> counted;
    for (const auto& id : ids) ++counted[store.get(id).state];
    for (const auto& [state, jobs] : totals->jobs) CHECK(jobs == counted[state]);
    for (const auto& id : ids)
        for (const auto& attempt : store.get(id).attempts)
            if (attempt.ended == 0) CHECK(standing.count(id) == 1);
}

TEST_CASE("candidates: heads of each owner and class out of ten thousand", "[jobs]") {
    JobStore store;
    REQUIRE(store.write([&](Connection& db) -> Status {
        for (int i = 0; i < 10'000; ++i) {
            auto job = store.job("job_" + std::to_string(i), i % 3 == 0 ? "ann" : "bob");
            job.created = 1'000 + i;
            job.priority = i % 2 == 0 ? jobs::Priority::kNormal : jobs::Priority::kHigh;
            if (i > 9'000 && i % 5 == 0) job.deadline = 20'000 - i;
            SG_TRY(jobs::insert_job(db, job));
        }
        return {};
    }));
    const auto found =
        store.in_read([&](Connection& db) { return jobs::candidates(db, store.now); });
    REQUIRE(found);
    Names jobs;
    for (const auto& each : *found) jobs.push_back(each.job);
    // Best first: the class, in it the first deadline, then the oldest.
    CHECK(
        jobs ==
        Names{"job_9975", "job_3", "job_9990", "job_0", "job_9995", "job_1", "job_9980", "job_2"});
}
