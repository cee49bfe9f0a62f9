#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <jobs/job.hpp>
#include <sql/database.hpp>

#include <base/clock.hpp>
#include <base/result.hpp>

namespace sg::jobs {

/// How long what is over is kept; 0: for ever.
struct RetentionPolicy {
    Millis jobs = Millis{30} * 86'400'000;  ///< after their end; their outputs are not touched
    Millis events = Millis{30} * 86'400'000;
};

/// Told the jobs of each batch that are gone, for their work folders and logs.
using JobsGone = std::function<void(const std::vector<std::string>& ids)>;

/// Removes what is older, in small transactions between those of others. Blocks.
[[nodiscard]] Status sweep(sql::Database& database,
                           const RetentionPolicy& policy,
                           Millis now,
                           const JobsGone& gone);

/// Sweeps now and every ten minutes on a thread of its own.
class Retention {
  public:
    Retention(RetentionPolicy policy, sql::Database& database, const Clock& clock, JobsGone gone);
    /// Waits for a sweep's batch that is under way.
    ~Retention();
    Retention(const Retention&) = delete;
    Retention& operator=(const Retention&) = delete;

  private:
    void run();

    const RetentionPolicy policy_;
    sql::Database& database_;
    const Clock& clock_;
    const JobsGone gone_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool ending_ = false;
    std::thread thread_;
};

}  // namespace sg::jobs
