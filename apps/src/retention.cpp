#include "retention.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <jobs/event_log.hpp>
#include <jobs/idempotency.hpp>
#include <jobs/job_folders.hpp>
#include <jobs/job_table.hpp>

#include <base/file.hpp>
#include <base/log.hpp>

namespace sg::apps {
namespace {

/// Small enough for requests to come between two steps.
constexpr std::int64_t kStep = 200;
constexpr auto kPause = std::chrono::minutes(10);

void tell(const char* what, const Status& status) {
    if (!status) log::warn("retention_failed what={} error=\"{}\"", what, status.error().message);
}

}  // namespace

Retention::Retention(const KeepSettings& keep,
                     std::filesystem::path data,
                     sql::Database& database,
                     const Clock& clock)
    : keep_(keep),
      data_(std::move(data)),
      database_(database),
      clock_(clock),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

Retention::~Retention() = default;

void Retention::run(const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any woken;
    // Not in the first moments: what was interrupted goes on first.
    auto pause = std::chrono::milliseconds(std::chrono::seconds(30));
    while (!stop.stop_requested()) {
        {
            std::unique_lock lock(mutex);
            woken.wait_for(lock, stop, pause, [] { return false; });
        }
        if (!stop.stop_requested()) sweep(stop);
        pause = kPause;
    }
}

void Retention::sweep(const std::stop_token& stop) {
    forget_outputs(stop);
    forget_jobs(stop);
    forget_events(stop);
    forget_requests(stop);
}

namespace {

jobs::Millis before(const Clock& clock, std::chrono::seconds kept) {
    const auto now = clock.wall().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::milliseconds>(now - kept).count();
}

}  // namespace

void Retention::forget_jobs(const std::stop_token& stop) {
    if (keep_.jobs.count() == 0) return;
    std::vector<std::string> ids;
    do {
        ids.clear();
        const auto status = database_.write_now([&](sql::Connection& db) -> Status {
            SG_TRY_ASSIGN(ids, jobs::purge_jobs(db, before(clock_, keep_.jobs), kStep));
            return {};
        });
        tell("jobs", status);
        if (!status) return;
        for (const auto& id : ids) {
            std::error_code failed;
            std::filesystem::remove_all(jobs::work_folder(data_, id), failed);
            // Outputs may be kept longer than the record of their job.
            if (keep_.outputs.count() > 0 && keep_.outputs <= keep_.jobs)
                std::filesystem::remove_all(jobs::own_output_folder(data_, id), failed);
        }
        if (!ids.empty()) log::info("jobs_forgotten count={}", ids.size());
    } while (!ids.empty() && !stop.stop_requested());
}

/// Of jobs that are still known; each is marked, so that it is looked at once.
void Retention::forget_outputs(const std::stop_token& stop) {
    if (keep_.outputs.count() == 0) return;
    const auto limit = before(clock_, keep_.outputs);
    jobs::JobFilter filter;
    filter.states = {
        jobs::JobState::kSucceeded, jobs::JobState::kFailed, jobs::JobState::kCancelled};
    filter.created_to = limit;
    filter.limit = kStep;
    while (!stop.stop_requested()) {
        std::vector<jobs::Job> page;
        {
            auto db = database_.read();
            if (!db) return;
            auto found = jobs::list_jobs(**db, filter);
            if (!found) return;
            page = std::move(*found);
        }
        for (const auto& job : page) {
            const auto ended = job.entered.find(jobs::name_of(job.state));
            if (job.outputs_deleted != 0 || ended == job.entered.end() || ended->second >= limit)
                continue;
            std::error_code failed;
            const auto folder = jobs::own_output_folder(data_, job.id);
            std::filesystem::remove_all(folder, failed);
            if (failed) {  // tried again with the next sweep
                tell("outputs", errno_error(failed.value(), "remove " + folder.string()));
                continue;
            }
            const auto now = before(clock_, std::chrono::seconds(0));
            tell("outputs", database_.write_now([&](sql::Connection& db) {
                return jobs::mark_outputs_deleted(db, job.id, now);
            }));
        }
        if (static_cast<std::int64_t>(page.size()) < kStep) return;
        filter.before_seq = page.back().seq;
    }
}

void Retention::forget_events(const std::stop_token& stop) {
    if (keep_.events.count() == 0) return;
    std::int64_t removed = 0;
    do {
        const auto status = database_.write_now([&](sql::Connection& db) -> Status {
            SG_TRY_ASSIGN(removed, jobs::purge_events(db, before(clock_, keep_.events), kStep));
            return {};
        });
        tell("events", status);
        if (!status) return;
    } while (removed > 0 && !stop.stop_requested());
}

void Retention::forget_requests(const std::stop_token& stop) {
    std::int64_t removed = 0;
    do {
        const auto status = database_.write_now([&](sql::Connection& db) -> Status {
            SG_TRY_ASSIGN(removed,
                          jobs::purge_requests(db, before(clock_, std::chrono::seconds(0)), kStep));
            return {};
        });
        tell("requests", status);
        if (!status) return;
    } while (removed > 0 && !stop.stop_requested());
}

}  // namespace sg::apps
