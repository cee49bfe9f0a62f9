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

}  // namespace

TEST_CASE("job table: a job comes back as it was made", "[jobs]") {
    JobStore store;
    auto job = store.job("job_1");
    job.document = R"({"inputs":["a"]})";
    job.preset = "web-hd@1";
    job.external_id = "order'; DROP TABLE jobs;--";
    job.tags = {{"show", "m\"'"}, {"season", ""}};
    job.priority = jobs::Priority::kHigh;
    job.deadline = 5'000'000;
    job.traceparent = "00-1-2-01";
    job.expected_s = 12.5;
    store.insert(job);
    const auto got = store.get("job_1");
    CHECK(got.seq == 1);
    CHECK(got.document == job.document);
    CHECK(got.preset == job.preset);
    CHECK(got.external_id == job.external_id);
    CHECK(got.tags == job.tags);
    CHECK(got.priority == job.priority);
    CHECK(got.deadline == job.deadline);
    CHECK(got.traceparent == job.traceparent);
    CHECK(got.expected_s == 12.5);
    CHECK(got.state == JobState::kQueued);
    CHECK(got.version == 1);
    CHECK(got.entered ==
          std::map<std::string, jobs::Millis>{{"accepted", store.now}, {"queued", store.now}});
    CHECK(store.event_types("job_1") == Names{"job.accepted", "job.queued"});
}

TEST_CASE("job table: an id is taken once, and the second one changes nothing", "[jobs]") {
    JobStore store;
    store.insert_queued("job_1");
    const auto twice = store.write(
        [&](Connection& db) -> Status { return jobs::insert_job(db, store.job("job_1")); });
    CHECK(code_of(twice) == "mismatch");
    CHECK(store.event_types("job_1").size() == 2);
    const auto totals = store.in_read([](Connection& db) { return jobs::queue_totals(db); });
    REQUIRE(totals);
    CHECK(totals->jobs.at(JobState::kQueued) == 1);
}

TEST_CASE("job table: an owner does not see another's job", "[jobs]") {
    JobStore store;
    store.insert_queued("job_1", "ann");
    const auto find = [&](const char* owner) {
        return code_of(
            store.in_read([&](Connection& db) { return jobs::find_job(db, "job_1", owner); }));
    };
    CHECK(find("ann") == "ok");
    CHECK(find("") == "ok");
    CHECK(find("bob") == "not_found");
    CHECK(find("' OR ''='") == "not_found");
}

TEST_CASE("job table: accepted jobs wait for their inputs", "[jobs]") {
    JobStore store;
    auto job = store.job("job_1");
    job.state = JobState::kAccepted;
    job.reason = "waiting_for_upload";
    store.insert(job);
    CHECK(code_of(store.take("job_1", "w")) == "not_found");
    store.now += 10;
    const auto queue = [&] {
        return store.write([&](Connection& db) -> Status {
            return jobs::queue_job(db, "job_1", "inputs_at_hand", store.now);
        });
    };
    REQUIRE(queue());
    CHECK(code_of(queue()) == "mismatch");
    const auto got = store.get("job_1");
    CHECK(got.state == JobState::kQueued);
    CHECK(got.entered.at("queued") == store.now);
    CHECK(store.take("job_1", "w"));
}

TEST_CASE("job table: a job whose inputs never came is fetched again by a retry", "[jobs]") {
    JobStore store;
    auto job = store.job("job_1");
    job.state = JobState::kAccepted;
    store.insert(job);
    REQUIRE(store.write([&](Connection& db) -> Status {
        return jobs::fail_accepted(
            db, "job_1", "not_found", "404", jobs::RetryClass::kInput, store.now);
    }));
    auto got = store.get("job_1");
    CHECK(got.state == JobState::kFailed);
    CHECK(got.reason == "not_found");
    CHECK(got.retry_class == jobs::RetryClass::kInput);
    REQUIRE(store.write(
        [&](Connection& db) -> Status { return jobs::retry_job(db, "job_1", store.now); }));
    CHECK(store.get("job_1").state == JobState::kAccepted);
}

TEST_CASE("job table: cancelling ends what waits and asks the worker of what runs", "[jobs]") {
    JobStore store;
    store.insert_queued("job_1");
    store.insert_queued("job_2");
    const auto cancel = [&](const char* id) {
        return store.write([&](Connection& db) -> Status {
            return jobs::request_cancel(db, id, "by ann", store.now);
        });
    };
    REQUIRE(cancel("job_1"));
    CHECK(store.get("job_1").state == JobState::kCancelled);
    CHECK(store.get("job_1").message == "by ann");
    CHECK(code_of(cancel("job_1")) == "mismatch");
    CHECK(code_of(cancel("job_3")) == "not_found");

    const auto lease = store.take("job_2", "w");
    REQUIRE(lease);
    REQUIRE(cancel("job_2"));
    REQUIRE(cancel("job_2"));
    CHECK(store.get("job_2").state == JobState::kPlanning);
    CHECK(store.get("job_2").cancel_requested);
    const auto renewal = store.in_write(
        [&](Connection& db) { return jobs::renew_leases(db, {*lease}, store.now + 9'000); });
    REQUIRE(renewal);
    CHECK(renewal->lost.empty());
    CHECK(renewal->cancel_requested == Names{"job_2"});
    // Handed back although it was to be cancelled: it ends here.
    jobs::AttemptEnd end;
    end.state = JobState::kQueued;
    end.outcome = "handed_back";
    REQUIRE(store.end(*lease, end));
    CHECK(store.get("job_2").state == JobState::kCancelled);
    CHECK(store.event_types("job_2") ==
          Names{"job.accepted", "job.queued", "job.planning", "job.cancelling", "job.cancelled"});
}

TEST_CASE("job table: a retry starts a failed job over", "[jobs]") {
    JobStore store;
    store.insert_queued("job_1");
    const auto retry = [&] {
        return store.write(
            [&](Connection& db) -> Status { return jobs::retry_job(db, "job_1", store.now); });
    };
    const auto running = retry();
    CHECK(code_of(running) == "mismatch");
    CHECK(running.error().message.find("queued") != std::string::npos);
    const auto lease = store.take("job_1", "w");
    REQUIRE(lease);
    jobs::AttemptEnd end;
    end.state = JobState::kFailed;
    end.outcome = "failed";
    end.code = "bad_data";
    end.message = "broken";
    end.retry_class = jobs::RetryClass::kInput;
    end.result = "{}";
    REQUIRE(store.end(*lease, end));
    auto got = store.get("job_1");
    CHECK(got.state == JobState::kFailed);
    CHECK(got.reason == "bad_data");
    CHECK(got.result == "{}");
    CHECK(got.worker.empty());
    REQUIRE(got.attempts.size() == 1);
    CHECK(got.attempts[0].outcome == "failed");
    CHECK(got.attempts[0].code == "bad_data");
    REQUIRE(retry());
    got = store.get("job_1");
    CHECK(got.state == JobState::kQueued);
    CHECK(got.reason == "retried");
    CHECK(got.result.empty());
    CHECK(got.retry_class == jobs::RetryClass::kNone);
    const auto again = store.take("job_1", "w");
    REQUIRE(again);
    CHECK(again->token > lease->token);
    end = {};
    end.outcome = "succeeded";
    end.outputs_bytes = 77;
    REQUIRE(store.end(*again, end));
    got = store.get("job_1");
    CHECK(got.state == JobState::kSucceeded);
    CHECK(got.percent == 100);
    CHECK(got.expected_s == 0);
    CHECK(got.outputs_bytes == 77);
    CHECK(got.attempts.size() == 2);
    CHECK(code_of(retry()) == "mismatch");
}

TEST_CASE("job table: a change under an old version is refused", "[jobs]") {
    JobStore store;
    store.insert_queued("job_1");
    const auto change = [&](std::int64_t version) {
        return store.write([&](Connection& db) -> Status {
            return jobs::change_priority(
                db, "job_1", jobs::Priority::kUrgent, 9'000'000, version, store.now);
        });
    };
    REQUIRE(change(1));
    CHECK(store.get("job_1").priority == jobs::Priority::kUrgent);
    CHECK(store.get("job_1").deadline == 9'000'000);
    CHECK(code_of(change(1)) == "mismatch");
    CHECK(change(store.get("job_1").version));
    CHECK(change(0));
}

TEST_CASE("job table: queue position and totals follow what happens", "[jobs]") {
    JobStore store;
    auto first = store.job("job_a");
    first.expected_s = 10;
    auto urgent = store.job("job_b");
    urgent.priority = jobs::Priority::kUrgent;
    urgent.expected_s = 5;
    auto dated = store.job("job_c");
    dated.deadline = 2'000'000;
    store.insert(first);
    store.insert(urgent);
    store.insert(dated);
    const auto position = [&](const char* id) {
        const auto found =
            store.in_read([&](Connection& db) { return jobs::queue_position(db, store.get(id)); });
        REQUIRE(found);
        return found->value_or(-1);
    };
    CHECK(position("job_b") == 0);
    CHECK(position("job_c") == 1);
    CHECK(position("job_a") == 2);
    const auto lease = store.take("job_b", "w");
    REQUIRE(lease);
    CHECK(position("job_b") == -1);
    CHECK(position("job_a") == 1);
    const auto totals = store.in_read([](Connection& db) { return jobs::queue_totals(db); });
    REQUIRE(totals);
    CHECK(totals->waiting_s == 10);
    CHECK(totals->jobs.at(JobState::kQueued) == 2);
    CHECK(totals->jobs.at(JobState::kPlanning) == 1);
    CHECK(totals->jobs.at(JobState::kFailed) == 0);
    const auto open = [&] {
        return *store.in_read([](Connection& db) { return jobs::open_jobs(db, "ann"); });
    };
    CHECK(open() == 3);
    jobs::AttemptEnd end;
    end.outcome = "succeeded";
    REQUIRE(store.end(*lease, end));
    CHECK(open() == 2);
    CHECK(*store.in_read([](Connection& db) { return jobs::open_jobs(db, "bob"); }) == 0);
}

TEST_CASE("job table: old jobs go with all that hangs on them, a bounded number at a time",
          "[jobs]") {
    JobStore store;
    for (int i = 0; i < 5; ++i) {
        auto job = store.job("job_" + std::to_string(i));
        job.tags = {{"n", std::to_string(i)}, {"all", "1"}};
        store.insert(job);
        store.now += 1'000;
        if (i == 4) break;
        const auto lease = store.take(job.id, "w");
        REQUIRE(lease);
        jobs::Task task;
        task.name = "plan";
        task.state = jobs::TaskState::kSucceeded;
        REQUIRE(store.write([&](Connection& db) -> Status {
            return jobs::write_task(db, *lease, task, store.now);
        }));
        jobs::AttemptEnd end;
        end.outcome = "succeeded";
        REQUIRE(store.end(*lease, end));
    }
    const auto purge = [&](jobs::Millis before) {
        return store.in_write([&](Connection& db) { return jobs::purge_jobs(db, before, 2); });
    };
    CHECK(purge(1'000'000)->empty());
    CHECK(*purge(store.now + 1) == Names{"job_0", "job_1"});
    CHECK(*purge(store.now + 1) == Names{"job_2", "job_3"});
    CHECK(purge(store.now + 1)->empty());
    for (const char* table : {"job_documents", "job_tags", "job_attempts", "job_tasks", "jobs"}) {
        std::int64_t rows = -1;
        REQUIRE(store.in_read([&](Connection& db) {
            return db.query(std::string("SELECT count(*) FROM ") + table,
                            {},
                            [&](const sql::Row& row) -> Status {
                                rows = row.integer(0);
                                return {};
                            });
        }));
        INFO(table);
        const bool of_the_last =
            std::string(table) == "jobs" || std::string(table) == "job_documents";
        CHECK(rows == (of_the_last ? 1 : std::string(table) == "job_tags" ? 2 : 0));
    }
    const auto totals = store.in_read([](Connection& db) { return jobs::queue_totals(db); });
    REQUIRE(totals);
    CHECK(totals->jobs.at(JobState::kSucceeded) == 0);
    // Numbers are not given again.
    store.insert_queued("job_new");
    CHECK(store.get("job_new").seq == 6);
}

TEST_CASE("job table: speeds like it are remembered, the last fifty", "[jobs]") {
    JobStore store;
    const auto expect = [&](std::int64_t height) {
        const auto found = store.in_read([&](Connection& db) {
            return jobs::expected_speed(db, {"h264", "veryfast", height, 0});
        });
        REQUIRE(found);
        return *found;
    };
    CHECK_FALSE(expect(1080));
    REQUIRE(store.write([&](Connection& db) -> Status {
        for (int i = 1; i <= 200; ++i)
            SG_TRY(jobs::add_speed(db, {"h264", "veryfast", 1080, 1.0 * i}, store.now));
        return jobs::add_speed(db, {"h265", "veryfast", 1080, 7}, store.now);
    }));
    const auto estimate = expect(1080);
    REQUIRE(estimate);
    CHECK(estimate->median > 174);
    CHECK(estimate->median < 177);
    CHECK(estimate->low > 154);
    CHECK(estimate->low < 157);
    CHECK(estimate->high > 194);
    CHECK_FALSE(expect(720));
}
