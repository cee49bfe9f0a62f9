#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <jobs/job.hpp>
#include <sql/connection.hpp>
#include <sql/database.hpp>

#include <base/result.hpp>

// Jobs and their tasks in the database. All functions work inside the caller's transaction; changes
// of state append their event (event_log.hpp) in the same one. Job::version grows with each change
// of state, priority or wish to cancel; not with progress.

namespace sg::jobs {

[[nodiscard]] std::vector<sql::Migration> migrations();

/// `job` with id, owner, document, preset, tags, priority, deadline, created, external_id,
/// traceparent and state set: kAccepted, or kQueued when its inputs are at hand; expected_s when
/// there is a guess. kMismatch for an id that exists.
[[nodiscard]] Status insert_job(sql::Connection& db, const Job& job);

/// kNotFound when there is none of this owner. An empty owner means all.
[[nodiscard]] Result<Job> find_job(sql::Connection& db,
                                   std::string_view id,
                                   std::string_view owner);
[[nodiscard]] Result<std::vector<Task>> tasks_of(sql::Connection& db, std::string_view job);

struct JobFilter {
    std::string owner;             ///< empty: all
    std::vector<JobState> states;  ///< empty: all
    std::optional<std::pair<std::string, std::string>> tag;
    std::string external_id;
    Millis created_from = 0;
    Millis created_to = 0;        ///< exclusive; 0: no limit
    std::int64_t before_seq = 0;  ///< page: only older ones; 0: from the newest
    std::int64_t limit = 50;      ///< at most 1000
};
/// Newest first.
[[nodiscard]] Result<std::vector<Job>> list_jobs(sql::Connection& db, const JobFilter& filter);

/// Jobs of each state, and queued predicted seconds.
struct QueueTotals {
    std::map<JobState, std::int64_t> jobs;
    double waiting_s = 0;
};
[[nodiscard]] Result<QueueTotals> queue_totals(sql::Connection& db);
/// An accepted job whose inputs are at hand now. kMismatch when it is in another state.
[[nodiscard]] Status queue_job(sql::Connection& db,
                               std::string_view id,
                               std::string_view reason,
                               Millis now);
/// An accepted job whose inputs will never be at hand.
[[nodiscard]] Status fail_accepted(sql::Connection& db,
                                   std::string_view id,
                                   std::string_view code,
                                   std::string_view message,
                                   RetryClass retry_class,
                                   Millis now);

/// Jobs of an owner that have not ended: counted as they move, so that each submission may ask.
[[nodiscard]] Result<std::int64_t> open_jobs(sql::Connection& db, std::string_view owner);
/// How many queued jobs would start before it; nothing when it is not queued.
[[nodiscard]] Result<std::optional<std::int64_t>> queue_position(sql::Connection& db,
                                                                 const Job& job);

// By users. kNotFound without such a job; kMismatch with the state in its words when that cannot be
// done in the job's state (a finished one cancelled, a running one retried). `version`: refused
// with kMismatch when it is not the job's; 0: any.
/// A job that no worker has ends at once; else the worker learns it by renew_leases() and by the
/// event job.cancelling.
[[nodiscard]] Status request_cancel(sql::Connection& db,
                                    std::string_view id,
                                    std::string_view why,
                                    Millis now);
[[nodiscard]] Status retry_job(sql::Connection& db, std::string_view id, Millis now);
[[nodiscard]] Status change_priority(sql::Connection& db,
                                     std::string_view id,
                                     Priority priority,
                                     std::optional<Millis> deadline,
                                     std::int64_t version,
                                     Millis now);

/// A worker's right to a job. The token grows with each lease of any job and never repeats.
struct Lease {
    std::string job;
    std::string worker;
    std::int64_t token = 0;
    Millis until = 0;
};

// By workers. Each checks the lease's token first: kPermission when another has the job by now
// ("stale lease"), and nothing is changed.

/// Takes a queued job, or one whose lease has run out, and opens an attempt; its state is then
/// planning. kNotFound when it is not to be had any more.
[[nodiscard]] Result<Lease> take_lease(
    sql::Connection& db, std::string_view job, std::string_view worker, Millis now, Millis until);
/// One statement for all of a worker's leases. Gives the jobs whose lease was lost, and those to be
/// cancelled.
struct Renewal {
    std::vector<std::string> lost;
    std::vector<std::string> cancel_requested;
};
[[nodiscard]] Result<Renewal> renew_leases(sql::Connection& db,
                                           const std::vector<Lease>& leases,
                                           Millis until);
/// Its lease ran out: the attempt is closed as lost and the job queued again with a growing
/// back-off, or failed after kMaxLosses in a row without a finished task (worker_lost). Gives their
/// ids, at most 500 a call. `only_worker`: whatever that worker holds, run out or not (a restart).
/// `now` as of when the write was queued: a long queue before it must not make leases look old.
inline constexpr int kMaxLosses = 16;
[[nodiscard]] Result<std::vector<std::string>> expire_leases(sql::Connection& db,
                                                             Millis now,
                                                             std::string_view only_worker);
/// Workers that hold a lease: after a start, those of earlier processes.
[[nodiscard]] Result<std::vector<std::string>> lease_holders(sql::Connection& db);

/// Entering the state it is in already changes nothing.
[[nodiscard]] Status enter_state(
    sql::Connection& db, const Lease& lease, JobState state, std::string_view reason, Millis now);
[[nodiscard]] Status write_task(sql::Connection& db,
                                const Lease& lease,
                                const Task& task,
                                Millis now);
[[nodiscard]] Status write_progress(sql::Connection& db,
                                    const Lease& lease,
                                    double percent,
                                    double expected_s);

/// How an attempt ended. Queues the job again (not before `retry_at`) when that is given.
struct AttemptEnd {
    JobState state =
        JobState::kSucceeded;  ///< kSucceeded, kFailed, kCancelled; kQueued: handed back or retried
    std::string outcome;
    std::string code;
    std::string message;
    RetryClass retry_class = RetryClass::kNone;
    Millis retry_at = 0;
    std::string result;
    std::int64_t outputs_bytes = 0;
};
[[nodiscard]] Status end_attempt(sql::Connection& db,
                                 const Lease& lease,
                                 const AttemptEnd& end,
                                 Millis now);

/// Their files are gone: shown in the job, which stays.
[[nodiscard]] Status mark_outputs_deleted(sql::Connection& db, std::string_view id, Millis now);

/// Removes jobs that ended before `ended_before`, with their tasks. Gives their ids, at most
/// `limit`.
[[nodiscard]] Result<std::vector<std::string>> purge_jobs(sql::Connection& db,
                                                          Millis ended_before,
                                                          std::int64_t limit);

/// What a worker could start, best first within an owner: in each class the one with the first
/// deadline and the oldest, and up to a hundred whose back-off is over. Bounded by owners x
/// classes, not by the queue's length.
struct Candidate {
    std::string job;
    std::string owner;
    Priority priority = Priority::kNormal;
    Millis deadline = 0;
    Millis queued = 0;
    double expected_s = 0;
};
[[nodiscard]] Result<std::vector<Candidate>> candidates(sql::Connection& db, Millis now);

// Measured speeds, for estimates: media seconds a second, by what dominates the cost.
struct SpeedSample {
    std::string codec;         ///< "h264"
    std::string speed_preset;  ///< "veryfast"
    std::int64_t height = 0;   ///< of the largest rendition
    double speed = 0;
};
[[nodiscard]] Status add_speed(sql::Connection& db, const SpeedSample& sample, Millis now);
/// Median, 10th and 90th percentile of the last 50 like it; nothing without history.
struct SpeedEstimate {
    double median = 0;
    double low = 0;
    double high = 0;
};
[[nodiscard]] Result<std::optional<SpeedEstimate>> expected_speed(sql::Connection& db,
                                                                  const SpeedSample& like);

}  // namespace sg::jobs
