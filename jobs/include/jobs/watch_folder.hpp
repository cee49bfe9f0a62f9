#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <jobs/event_log.hpp>
#include <jobs/job.hpp>
#include <sql/connection.hpp>
#include <sql/database.hpp>

#include <base/clock.hpp>
#include <base/metric.hpp>
#include <base/result.hpp>

namespace sg::jobs {

/// Files that appear in a folder become jobs. Left alone: names that begin with a dot or end as
/// unfinished ones do (.part, .tmp, .crdownload, ~ ...), links, names that are no UTF-8.
struct WatchRule {
    std::string name;  ///< unique, and kept when the rule changes: what was seen is kept under it
    std::filesystem::path folder;    ///< may be missing, and come and go
    std::vector<std::string> globs;  ///< of file names, any of them, in any case; none: every file
    std::string preset;
    std::string owner;
    Priority priority = Priority::kNormal;
    /// A file is taken when it has not grown for so long; after a writer closed it within a second;
    /// at once when it was moved in. Ten times as long while a writer still has it open.
    std::chrono::milliseconds stable{5'000};
    std::filesystem::path done;    ///< sources and reports of jobs that succeeded; folder/done
    std::filesystem::path failed;  ///< the same of those that did not; folder/failed
    bool recursive = false;
};

/// Makes the job in the caller's transaction, on the writer's thread; gives its id. With an error
/// that the file is at fault for (kInvalidArgument, kUnsupported, kNotFound, kPermission, kBadData)
/// the file goes to the failed folder; after any other it is tried again.
using SubmitFile = std::function<Result<std::string>(
    sql::Connection& db, const WatchRule& rule, const std::filesystem::path& file)>;

struct WatchOptions {
    std::vector<WatchRule> rules;
    std::chrono::milliseconds rescan{10'000};  ///< for file systems that tell nothing of changes
    SubmitFile submit;
};

[[nodiscard]] std::vector<sql::Migration> watch_migrations();

/// Watches folders on a thread of its own. A file is one job, also across restarts and kills: what
/// was seen is written in the transaction that makes the job. When the job has ended, its source is
/// moved to the done or failed folder, with a report beside it.
class WatchFolders {
  public:
    /// kInvalidArgument for rules that cannot be. `database` has watch_migrations().
    [[nodiscard]] static Result<std::unique_ptr<WatchFolders>> start(WatchOptions options,
                                                                     sql::Database& database,
                                                                     EventHub& events,
                                                                     const Clock& clock,
                                                                     Metrics& metrics);
    ~WatchFolders();

    /// Takes no more files. Any thread; returns at once.
    void stop();

    /// The folders that cannot be watched now and why, on one line; empty when all is well. Any
    /// thread.
    [[nodiscard]] std::string problems() const;

  private:
    struct Impl;
    explicit WatchFolders(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace sg::jobs
