#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include <jobs/job_table.hpp>
#include <sql/database.hpp>

#include <base/clock.hpp>

namespace sg::jobs {

/// Keeps a worker's leases alive from a thread that does nothing else, and queues again what other
/// workers let run out.
class LeaseKeeper {
  public:
    /// Called on the database's writer thread after each renewal.
    using Renewed = std::function<void(const Renewal&)>;

    LeaseKeeper(sql::Database& database,
                const Clock& clock,
                std::chrono::milliseconds lease,
                Renewed renewed);
    /// No renewal is under way when this returns.
    ~LeaseKeeper();

    void add(const Lease& lease);
    void remove(const std::string& job);

  private:
    void run(const std::stop_token& stop);
    void renew();

    sql::Database& database_;
    const Clock& clock_;
    const std::chrono::milliseconds lease_;
    const Renewed renewed_;
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::map<std::string, Lease> leases_;
    std::size_t under_way_ = 0;
    std::jthread thread_;
};

}  // namespace sg::jobs
