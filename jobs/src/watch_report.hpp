#pragma once

#include <filesystem>
#include <string>

#include <jobs/job.hpp>
#include <jobs/watch_folder.hpp>

#include <base/result.hpp>

#include "watch_table.hpp"

namespace sg::jobs {

/// How a watched file ended: its job, or why there is none.
struct WatchedEnd {
    bool succeeded = false;
    std::string state;  ///< of the job; "refused" without one
    std::string reason;
    std::string message;
    Millis ended = 0;
    std::string result;  ///< JSON; empty: none
};

/// Moves the source to the rule's done or failed folder, if it is still what was submitted, and
/// writes NAME.json beside it. Never over another file: then "film-<job>.mov". Done again after a
/// kill it gives the same.
[[nodiscard]] Status settle_source(const WatchRule& rule,
                                   const WatchedFile& file,
                                   const WatchedEnd& end);

}  // namespace sg::jobs
