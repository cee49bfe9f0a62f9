#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <jobs/input_policy.hpp>
#include <jobs/job.hpp>
#include <sql/connection.hpp>

#include <base/clock.hpp>
#include <base/result.hpp>
#include <engine/job.hpp>

namespace sg::jobs {

struct SubmissionPolicy {
    std::filesystem::path data;  ///< the service's own folder: no document may name one in it
    bool allow_private_addresses = false;
    std::size_t max_inputs = 100;
    std::size_t open_jobs_per_owner = 0;  ///< that have not ended; 0: no limit
};

struct Submitter {
    std::string owner;
    std::string traceparent;
};

/// The way from a document of any origin to a job: reads it, holds it against the policy, pins its
/// presets to versions and freezes stored ones into the document. Thread-safe.
class Submissions {
  public:
    /// Whether an upload of this owner is whole; kNotFound. A job may name one that is still open:
    /// it waits for it.
    using CheckUpload = std::function<Result<bool>(
        sql::Connection& db, std::string_view owner, std::string_view upload)>;

    /// `roots` and `clock` outlive it.
    Submissions(SubmissionPolicy policy,
                const AllowedRoots& roots,
                CheckUpload check_upload,
                const Clock& clock);
    ~Submissions();

    /// A job with an id of its own that is not stored yet, or all faults. Beside those of
    /// engine::read_job() their codes are "invalid_character", "unknown_preset", "bad_preset",
    /// "invalid_url", "address_refused", "path_refused", "input_not_found", "unknown_upload",
    /// "unavailable" (the database could not be read). Asks the file system about paths.
    [[nodiscard]] std::optional<Job> prepare(sql::Connection& db,
                                             std::string_view text,
                                             engine::JobSyntax syntax,
                                             const Submitter& submitter,
                                             std::vector<engine::JobFault>& faults) const;

    /// Stores it, in the caller's transaction. kLimit when its owner has too many open jobs.
    [[nodiscard]] Status accept(sql::Connection& db, const Job& job) const;

    /// Holds one input against the policy, as prepare() does: for probes. Gives whether it is at
    /// hand (an upload that is open is not).
    [[nodiscard]] bool check_input(sql::Connection& db,
                                   const std::string& uri,
                                   const std::string& pointer,
                                   const std::string& owner,
                                   std::vector<engine::JobFault>& faults) const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sg::jobs
