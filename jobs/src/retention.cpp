#include <chrono>
#include <cstdint>
#include <utility>

#include <pthread.h>

#include <jobs/event_log.hpp>
#include <jobs/idempotency.hpp>
#include <jobs/job_table.hpp>
#include <jobs/retention.hpp>

#include <base/log.hpp>

#include "wall_time.hpp"

namespace sg::jobs {
namespace {

// A few milliseconds each: a submission that comes in between does not notice.
constexpr std::int64_t kJobsAtOnce = 100;
constexpr std::int64_t kEventsAtOnce = 1'000;
constexpr std::int64_t kKeysAtOnce = 1'000;
constexpr std::chrono::minutes kEvery{10};

using Ending = std::function<bool()>;

/// Until a batch is not full. `batch` gives how many it removed.
Status in_batches(sql::Database& database,
                  std::int64_t limit,
                  const Ending& ending,
                  const std::function<Result<std::int64_t>(sql::Connection&)>& batch) {
    for (std::int64_t removed = limit; removed >= limit && !ending();)
        SG_TRY(database.write_now([&](sql::Connection& db) -> Status {
            SG_TRY_ASSIGN(removed, batch(db));
            return {};
        }));
    return {};
}

Status sweep_until(sql::Database& database,
                   const RetentionPolicy& policy,
                   Millis now,
                   const JobsGone& gone,
                   const Ending& ending) {
    std::vector<std::string> ids;
    for (bool more = policy.jobs > 0; more && !ending();) {
        SG_TRY(database.write_now([&](sql::Connection& db) -> Status {
            SG_TRY_ASSIGN(ids, purge_jobs(db, now - policy.jobs, kJobsAtOnce));
            return {};
        }));
        more = static_cast<std::int64_t>(ids.size()) >= kJobsAtOnce;
        if (!ids.empty() && gone) gone(ids);
    }
    if (policy.events > 0)
        SG_TRY(in_batches(database, kEventsAtOnce, ending, [&](sql::Connection& db) {
            return purge_events(db, now - policy.events, kEventsAtOnce);
        }));
    return in_batches(database, kKeysAtOnce, ending, [&](sql::Connection& db) {
        return purge_requests(db, now, kKeysAtOnce);
    });
}

}  // namespace

Status sweep(sql::Database& database,
             const RetentionPolicy& policy,
             Millis now,
             const JobsGone& gone) {
    return sweep_until(database, policy, now, gone, [] { return false; });
}

Retention::Retention(RetentionPolicy policy,
                     sql::Database& database,
                     const Clock& clock,
                     JobsGone gone)
    : policy_(policy), database_(database), clock_(clock), gone_(std::move(gone)) {
    thread_ = std::thread([this] {
        ::pthread_setname_np(::pthread_self(), "retention");
        run();
    });
}

Retention::~Retention() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    wake_.notify_all();
    thread_.join();
}

void Retention::run() {
    const auto ending = [this] {
        const std::lock_guard lock(mutex_);
        return ending_;
    };
    while (!ending()) {
        if (const auto swept = sweep_until(database_, policy_, millis_of(clock_), gone_, ending);
            !swept)
            log::warn("retention_failed {}", swept.error().message);
        std::unique_lock lock(mutex_);
        wake_.wait_for(lock, kEvery, [this] { return ending_; });
    }
}

}  // namespace sg::jobs
