#include <chrono>
#include <functional>
#include <thread>

#include <jobs/job_table.hpp>
#include <telemetry/job_metrics.hpp>
#include <telemetry/job_traces.hpp>
#include <telemetry/metrics_registry.hpp>

#include <support/substring.hpp>
#include <support/temp_folder.hpp>

using Catch::Matchers::ContainsSubstring;
using namespace sg;

namespace {

bool appears(telemetry::MetricsRegistry& registry, const std::string& line) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (registry.text().find(line) == std::string::npos) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return true;
}

jobs::Job job_of(const std::string& id, jobs::Priority priority) {
    jobs::Job job;
    job.id = id;
    job.owner = "studio";
    job.document = "{}";
    job.created = 1'000;
    job.priority = priority;
    job.state = jobs::JobState::kQueued;
    job.expected_s = 30;
    return job;
}

}  // namespace

TEST_CASE("the queue's depth, predicted work and age appear by class, failures by their class") {
    const test::TempFolder folder;
    telemetry::MetricsRegistry registry;
    const SystemClock clock;
    auto database = sql::Database::open({folder / "jobs.db", jobs::migrations()}, registry);
    REQUIRE(database);
    jobs::EventHub hub(**database, clock);
    REQUIRE((*database)->write_now([](sql::Connection& db) -> Status {
        SG_TRY(jobs::insert_job(db, job_of("job_1", jobs::Priority::kHigh)));
        SG_TRY(jobs::insert_job(db, job_of("job_2", jobs::Priority::kHigh)));
        return jobs::insert_job(db, job_of("job_3", jobs::Priority::kNormal));
    }));
    {
        const telemetry::JobMetrics metrics(**database, hub, clock, registry, folder.path());
        CHECK(appears(registry, "streamgate_queue_jobs{priority=\"high\"} 2"));
        CHECK(appears(registry, "streamgate_jobs{state=\"queued\"} 3"));
        const auto text = registry.text();
        CHECK_THAT(text,
                   ContainsSubstring("streamgate_queue_predicted_seconds{priority=\"high\"} 60"));
        CHECK_THAT(text, ContainsSubstring("streamgate_queue_oldest_seconds{priority=\"bulk\"} 0"));
        CHECK_THAT(text, !ContainsSubstring("streamgate_data_free_bytes 0"));

        REQUIRE((*database)->write_now([](sql::Connection& db) -> Status {
            SG_TRY_ASSIGN(const auto lost, jobs::take_lease(db, "job_1", "one", 2'000, 3'000));
            SG_TRY(jobs::expire_leases(db, 4'000, {}));
            SG_TRY_ASSIGN(const auto lease, jobs::take_lease(db, "job_1", "two", 5'000, 9'000));
            jobs::AttemptEnd end;
            end.state = jobs::JobState::kFailed;
            end.outcome = "failed";
            end.code = "no_space";
            end.retry_class = jobs::RetryClass::kResource;
            return jobs::end_attempt(db, lease, end, 6'000);
        }));
        CHECK(appears(registry, "streamgate_jobs_failed_total{class=\"resource\"} 1"));
        CHECK(appears(registry, "streamgate_workers_lost_total 1"));
    }
    CHECK_THAT(registry.text(), !ContainsSubstring("streamgate_queue_jobs"));
}

TEST_CASE("traces are not sent to what is no HTTP address") {
    const test::TempFolder folder;
    NullMetrics metrics;
    const SystemClock clock;
    auto database = sql::Database::open({folder / "jobs.db", jobs::migrations()}, metrics);
    REQUIRE(database);
    jobs::EventHub hub(**database, clock);
    for (const auto* endpoint : {"", "localhost:4317", "http://", "ftp://collector"}) {
        telemetry::TraceOptions options;
        options.endpoint = endpoint;
        const auto traces = telemetry::JobTraces::start(options, **database, hub, metrics);
        REQUIRE_FALSE(traces);
        CHECK(traces.error().code == Errc::kInvalidArgument);
    }
}
