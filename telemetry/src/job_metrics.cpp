#include <array>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <stop_token>
#include <thread>

#include <jobs/job_table.hpp>
#include <nlohmann/json.hpp>
#include <sys/statvfs.h>
#include <telemetry/job_metrics.hpp>

#include <base/log.hpp>

namespace sg::telemetry {
namespace {

using jobs::JobState;
using jobs::Priority;
using jobs::RetryClass;

constexpr std::chrono::seconds kEvery{5};
constexpr std::size_t kMaxFailed = 10'000;
constexpr std::size_t kStates = static_cast<std::size_t>(JobState::kCancelled) + 1;
constexpr std::size_t kPriorities = static_cast<std::size_t>(Priority::kUrgent) + 1;
constexpr std::size_t kClasses = static_cast<std::size_t>(RetryClass::kBug) + 1;

struct OfClass {
    Gauge depth;
    Gauge predicted;
    Gauge oldest;
};

/// Queued jobs by class, in two parts that have an index each: 50 ms for 100,000.
constexpr const char* kReady =
    "SELECT priority, count(*), sum(expected_s), min(waiting_since) FROM jobs "
    "WHERE ready = 1 GROUP BY priority";
constexpr const char* kHeld =
    "SELECT priority, count(*), sum(expected_s), min(waiting_since) FROM jobs "
    "WHERE not_before > 0 GROUP BY priority";

struct Depth {
    std::int64_t jobs = 0;
    double predicted_s = 0;
    jobs::Millis since = 0;
};

}  // namespace

struct JobMetrics::Impl {
    Impl(sql::Database& db, const Clock& time, Metrics& metrics, std::filesystem::path folder);
    void on_events(const jobs::EventHub::Batch& batch);
    void run(const std::stop_token& stop);
    void count_failed(std::deque<std::string> ids);
    Status read_queue();
    void read_disk();

    sql::Database& database;
    const Clock& clock;
    std::filesystem::path data;
    std::array<Gauge, kStates> states;
    std::array<OfClass, kPriorities> classes;
    std::array<Counter, kClasses> failures;
    Counter workers_lost;
    Gauge free_bytes;
    Gauge size_bytes;
    bool warned = false;
    std::mutex mutex;
    std::condition_variable_any changed;
    std::deque<std::string> failed;
    jobs::EventHub::Subscription subscription;
    std::jthread thread;
};

JobMetrics::Impl::Impl(sql::Database& db,
                       const Clock& time,
                       Metrics& metrics,
                       std::filesystem::path folder)
    : database(db), clock(time), data(std::move(folder)) {
    for (std::size_t i = 0; i < kStates; ++i) {
        states[i] = metrics.gauge("streamgate_jobs",
                                  "Jobs that are kept, by state.",
                                  {{"state", jobs::name_of(static_cast<JobState>(i))}});
    }
    for (std::size_t i = 0; i < kPriorities; ++i) {
        const MetricLabels labels{{"priority", jobs::name_of(static_cast<Priority>(i))}};
        classes[i] = {
            metrics.gauge("streamgate_queue_jobs", "Jobs that wait for a worker.", labels),
            metrics.gauge("streamgate_queue_predicted_seconds",
                          "Heavy work that the waiting jobs are expected to take.",
                          labels),
            metrics.gauge("streamgate_queue_oldest_seconds",
                          "How long the first of the waiting jobs has waited.",
                          labels)};
    }
    for (std::size_t i = 0; i < kClasses; ++i) {
        failures[i] = metrics.counter("streamgate_jobs_failed_total",
                                      "Jobs that failed for good, by class: input is the user's.",
                                      {{"class", jobs::name_of(static_cast<RetryClass>(i))}});
    }
    workers_lost = metrics.counter("streamgate_workers_lost_total",
                                   "Leases of jobs that ran out because their worker was gone.");
    free_bytes =
        metrics.gauge("streamgate_data_free_bytes", "Room left on the data folder's disk.");
    size_bytes = metrics.gauge("streamgate_data_size_bytes", "Size of the data folder's disk.");
}

void JobMetrics::Impl::on_events(const jobs::EventHub::Batch& batch) {
    for (const auto& event : batch) {
        const bool failure = event->type == "job.failed";
        if (!failure && event->type != "job.queued" && event->type != "job.cancelled") continue;
        if (event->data.find("worker_lost") != std::string::npos) {
            const auto facts = nlohmann::json::parse(event->data, nullptr, false);
            if (facts.is_object() && facts.value("reason", "") == "worker_lost") workers_lost.add();
        }
        if (!failure) continue;
        const std::lock_guard lock(mutex);
        if (failed.size() < kMaxFailed) failed.push_back(event->subject);
    }
}

void JobMetrics::Impl::run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        std::deque<std::string> ids;
        {
            const std::lock_guard lock(mutex);
            ids.swap(failed);
        }
        count_failed(std::move(ids));
        const auto status = read_queue();
        if (!status && !warned) {
            log::warn("job_metrics_not_read error=\"{}\"", status.error().message);
        }
        warned = !status;
        read_disk();
        std::unique_lock lock(mutex);
        changed.wait_for(lock, stop, kEvery, [] { return false; });
    }
}

void JobMetrics::Impl::count_failed(std::deque<std::string> ids) {
    if (ids.empty()) return;
    auto reader = database.read();
    if (!reader) return;
    for (const auto& id : ids) {
        const auto job = jobs::find_job(**reader, id, {});
        if (job) failures[static_cast<std::size_t>(job->retry_class)].add();
    }
}

Status JobMetrics::Impl::read_queue() {
    SG_TRY_ASSIGN(auto reader, database.read());
    SG_TRY_ASSIGN(const auto totals, jobs::queue_totals(*reader));
    for (std::size_t i = 0; i < kStates; ++i) {
        const auto found = totals.jobs.find(static_cast<JobState>(i));
        states[i].set(found == totals.jobs.end() ? 0 : static_cast<double>(found->second));
    }
    std::array<Depth, kPriorities> depths;
    for (const auto* sql : {kReady, kHeld}) {
        SG_TRY(reader->query(sql, {}, [&](const sql::Row& row) -> Status {
            const auto number = static_cast<std::size_t>(row.integer(0));
            if (number >= depths.size()) return {};
            auto& depth = depths[number];
            depth.jobs += row.integer(1);
            depth.predicted_s += row.real(2);
            const auto since = row.integer(3);
            if (depth.since == 0 || since < depth.since) depth.since = since;
            return {};
        }));
    }
    const auto now =
        std::chrono::duration_cast<std::chrono::milliseconds>(clock.wall().time_since_epoch())
            .count();
    for (std::size_t i = 0; i < kPriorities; ++i) {
        const auto& depth = depths[i];
        classes[i].depth.set(static_cast<double>(depth.jobs));
        classes[i].predicted.set(depth.predicted_s);
        classes[i].oldest.set(
            depth.since > 0
                ? static_cast<double>(std::max<jobs::Millis>(0, now - depth.since)) / 1e3
                : 0);
    }
    return {};
}

void JobMetrics::Impl::read_disk() {
    struct statvfs facts {};
    if (statvfs(data.c_str(), &facts) != 0) return;
    const auto block = static_cast<double>(facts.f_frsize);
    free_bytes.set(static_cast<double>(facts.f_bavail) * block);
    size_bytes.set(static_cast<double>(facts.f_blocks) * block);
}

JobMetrics::JobMetrics(sql::Database& database,
                       jobs::EventHub& events,
                       const Clock& clock,
                       Metrics& metrics,
                       std::filesystem::path data)
    : impl_(std::make_unique<Impl>(database, clock, metrics, std::move(data))) {
    auto* raw = impl_.get();
    impl_->subscription =
        events.subscribe([raw](const jobs::EventHub::Batch& batch) { raw->on_events(batch); });
    impl_->thread = std::jthread([raw](const std::stop_token& stop) { raw->run(stop); });
}

JobMetrics::~JobMetrics() {
    impl_->subscription = {};
}

}  // namespace sg::telemetry
