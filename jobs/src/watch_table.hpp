#pragma once

#include <string>
#include <vector>

#include <jobs/job.hpp>
#include <sql/connection.hpp>

#include <base/result.hpp>

#include "watch_scan.hpp"

// Files that are jobs, until the job has ended and they were moved away.

namespace sg::jobs {

struct WatchedFile {
    std::string rule;
    std::string path;  ///< below the rule's folder
    FileIdentity identity;
    std::string job;
    Millis submitted = 0;
};

/// kMismatch when this content is a job of this rule already.
[[nodiscard]] Status insert_watched(sql::Connection& db, const WatchedFile& file);
[[nodiscard]] Status remove_watched(sql::Connection& db, std::string_view job);
[[nodiscard]] Result<std::vector<WatchedFile>> watched_files(sql::Connection& db);

}  // namespace sg::jobs
