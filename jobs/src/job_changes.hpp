#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <jobs/job.hpp>
#include <jobs/job_table.hpp>
#include <sql/connection.hpp>

#include <base/result.hpp>

#include "job_rows.hpp"

// The one way a job changes its state: with its event and the totals, in the caller's transaction.

namespace sg::jobs {

struct StateEntry {
    JobState state = JobState::kQueued;
    std::string reason;
    std::string message;
    RetryClass retry_class = RetryClass::kNone;
    Millis not_before = 0;
    bool keeps_lease = false;
};

/// Nothing is changed and kPermission given when the job's lease or state is not `head`'s any more.
[[nodiscard]] Status enter(sql::Connection& db,
                           const JobHead& head,
                           const StateEntry& entry,
                           Millis now);

[[nodiscard]] Status append_job_event(sql::Connection& db,
                                      const JobHead& head,
                                      std::string_view type,
                                      std::string_view reason,
                                      std::string_view message,
                                      Millis now);

/// A job of `owner` leaves `from` for `to`; nothing for one that is made or removed.
[[nodiscard]] Status count_move(sql::Connection& db,
                                std::string_view owner,
                                std::optional<JobState> from,
                                std::optional<JobState> to);

/// Closes the attempt of a job that nobody works on any more as lost, and queues the job, fails it
/// after too many, or cancels it when that was asked for.
[[nodiscard]] Status lose_lease(sql::Connection& db, const JobHead& head, Millis now);

/// kPermission when another has the job by now.
[[nodiscard]] Result<JobHead> find_leased(sql::Connection& db, const Lease& lease);
[[nodiscard]] Error stale_lease(std::string_view job, std::string_view worker, std::int64_t token);

struct AttemptOutcome {
    std::string_view outcome;
    std::string_view code;
    std::string_view message;
};
[[nodiscard]] Status close_attempt(sql::Connection& db,
                                   const JobHead& head,
                                   const AttemptOutcome& outcome,
                                   Millis now);

/// Tasks that ran when their attempt ended.
[[nodiscard]] Status settle_tasks(sql::Connection& db,
                                  const JobHead& head,
                                  JobState job_state,
                                  Millis now);

}  // namespace sg::jobs
