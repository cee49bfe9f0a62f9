#pragma once

#include <filesystem>
#include <memory>
#include <thread>

#include <sql/database.hpp>

#include <base/clock.hpp>

#include "job_settings.hpp"

namespace sg::apps {

/// Forgets what is older than the configuration keeps: jobs with their folders, events, outputs. On
/// a thread of its own, in small steps, so that nobody waits for it.
class Retention {
  public:
    Retention(const KeepSettings& keep,
              std::filesystem::path data,
              sql::Database& database,
              const Clock& clock);
    ~Retention();

    /// One round. Blocks; not on the database's writer.
    void sweep(const std::stop_token& stop);

  private:
    void forget_jobs(const std::stop_token& stop);
    void forget_outputs(const std::stop_token& stop);
    void forget_events(const std::stop_token& stop);
    void forget_requests(const std::stop_token& stop);
    void run(const std::stop_token& stop);

    KeepSettings keep_;
    std::filesystem::path data_;
    sql::Database& database_;
    const Clock& clock_;
    std::jthread thread_;
};

}  // namespace sg::apps
