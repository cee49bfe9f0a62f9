#pragma once

#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include <jobs/job.hpp>
#include <sql/connection.hpp>

#include <base/result.hpp>

namespace sg::jobs {

/// In the column deadline: none. Sorts behind every real one.
inline constexpr Millis kNoDeadline = std::numeric_limits<Millis>::max();

/// What decides about a change of a job; without its document.
struct JobHead {
    std::int64_t seq = 0;
    std::string id;
    std::string owner;
    JobState state = JobState::kAccepted;
    std::int64_t attempt = 0;
    std::int64_t losses = 0;
    bool cancel_requested = false;
    std::string worker;
    std::int64_t token = 0;  ///< 0: nobody has a lease
    Millis lease_until = 0;
    Millis not_before = 0;
    Millis waiting_since = 0;
    Millis entered_queued = 0;
    std::int64_t version = 0;
    std::string message;

    /// Why it was to be cancelled, as whoever did said it.
    [[nodiscard]] std::string cancel_message() const {
        return message.empty() ? "cancelled as asked" : message;
    }
};

/// kNotFound.
[[nodiscard]] Result<JobHead> find_head(sql::Connection& db, std::string_view id);
/// Those of `where`, a constant that may use $1...
[[nodiscard]] Result<std::vector<JobHead>> find_heads(sql::Connection& db,
                                                      std::string_view where,
                                                      std::initializer_list<sql::Param> params);

/// Whole jobs by seq, newest first; those that are gone are left out.
[[nodiscard]] Result<std::vector<Job>> load_jobs(sql::Connection& db,
                                                 const std::vector<std::int64_t>& seqs);

[[nodiscard]] std::string tags_to_json(const std::map<std::string, std::string>& tags);
[[nodiscard]] std::map<std::string, std::string> tags_from_json(std::string_view text);

}  // namespace sg::jobs
