// Lets four jobs end and exports their traces: export_jobs ENDPOINT FOLDER. otlp_test.py looks at
// what arrives.
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include <jobs/job_table.hpp>
#include <telemetry/job_traces.hpp>

#include <base/clock.hpp>

using namespace sg;
using namespace sg::jobs;

namespace {

constexpr Millis kStart = 1'700'000'000'000;

Job job_of(const char* id, const char* traceparent) {
    Job job;
    job.id = id;
    job.owner = "studio";
    job.preset = "web-hd@1";
    job.document = "{}";
    job.created = kStart;
    job.state = JobState::kQueued;
    job.traceparent = traceparent;
    return job;
}

Status run_task(
    sql::Connection& db, const Lease& lease, const char* name, Millis from, Millis to, Errc* code) {
    Task task;
    task.job = lease.job;
    task.name = name;
    task.attempt = 1;
    task.worker = lease.worker;
    task.started = from;
    task.state = TaskState::kRunning;
    SG_TRY(write_task(db, lease, task, from));
    if (to == 0) return {};
    task.state = code == nullptr ? TaskState::kSucceeded : TaskState::kFailed;
    if (code != nullptr) {
        task.code = errc_name(*code);
        task.message = "broken \xff bytes";
    }
    task.ended = to;
    task.speed = 2.5;
    return write_task(db, lease, task, to);
}

Status succeed(sql::Connection& db, const char* id) {
    // A worker is lost with a chunk, the next one succeeds.
    SG_TRY(insert_job(db, job_of(id, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")));
    SG_TRY_ASSIGN(const auto lost, take_lease(db, id, "one", kStart + 1'000, kStart + 5'000));
    SG_TRY(enter_state(db, lost, JobState::kRunning, "", kStart + 2'000));
    SG_TRY(run_task(db, lost, "chunk-00000", kStart + 2'000, 0, nullptr));
    SG_TRY(expire_leases(db, kStart + 6'000, {}));
    SG_TRY_ASSIGN(const auto lease, take_lease(db, id, "two", kStart + 7'000, kStart + 70'000));
    SG_TRY(run_task(db, lease, "plan", kStart + 7'000, kStart + 7'500, nullptr));
    SG_TRY(enter_state(db, lease, JobState::kRunning, "", kStart + 8'000));
    SG_TRY(run_task(db, lease, "chunk-00000", kStart + 8'000, kStart + 12'000, nullptr));
    AttemptEnd end;
    end.outcome = "succeeded";
    return end_attempt(db, lease, end, kStart + 13'000);
}

Status fail(sql::Connection& db, const char* id, Millis from) {
    SG_TRY_ASSIGN(const auto lease, take_lease(db, id, "one", from, from + 5'000));
    auto code = Errc::kBadData;
    SG_TRY(run_task(db, lease, "plan", from, from + 100, &code));
    AttemptEnd end;
    end.state = JobState::kFailed;
    end.outcome = "failed";
    end.code = "bad_data";
    end.message = "no streams";
    end.retry_class = RetryClass::kInput;
    return end_attempt(db, lease, end, from + 200);
}

Status export_all(const std::string& endpoint, const std::string& folder) {
    NullMetrics metrics;
    const SystemClock clock;
    SG_TRY_ASSIGN(auto database, sql::Database::open({folder + "/jobs.db", migrations()}, metrics));
    EventHub hub(*database, clock);
    telemetry::TraceOptions options;
    options.endpoint = endpoint;
    options.headers = {{"Authorization", "Bearer secret"}};
    options.instance = "here";
    options.version = "1.2.3";
    SG_TRY_ASSIGN(auto traces, telemetry::JobTraces::start(options, *database, hub, metrics));
    const char* failed = "job_0190c4b1-0000-7000-8000-000000000002";
    const std::vector<sql::Database::Work> steps{
        [](sql::Connection& db) { return succeed(db, "job_0190c4b1-0000-7000-8000-000000000001"); },
        [&](sql::Connection& db) -> Status {
            SG_TRY(insert_job(db, job_of(failed, "")));
            return fail(db, failed, kStart + 1'000);
        },
        [&](sql::Connection& db) -> Status {
            SG_TRY(retry_job(db, failed, kStart + 60'000));
            return fail(db, failed, kStart + 61'000);
        },
        [](sql::Connection& db) -> Status {
            const char* unsampled = "job_0190c4b1-0000-7000-8000-000000000003";
            SG_TRY(insert_job(
                db, job_of(unsampled, "00-0af7651916cd43dd8448eb211c80319d-b7ad6b7169203331-00")));
            return request_cancel(db, unsampled, "not wanted", kStart + 1'000);
        }};
    for (const auto& step : steps) SG_TRY(database->write_now(step));
    return {};
}

}  // namespace

int main(int count, char** words) {
    if (count != 3) return 2;
    const auto status = export_all(words[1], words[2]);
    if (!status) std::fprintf(stderr, "%s\n", status.error().message.c_str());
    return status ? 0 : 1;
}
