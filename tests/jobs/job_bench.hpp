#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <jobs/event_log.hpp>
#include <jobs/job_table.hpp>
#include <jobs/runner.hpp>
#include <sql/database.hpp>

#include <base/clock.hpp>
#include <base/metric.hpp>
#include <support/temp_folder.hpp>

namespace sg::test {

/// A database, small films and a runner over them.
class JobBench {
  public:
    JobBench();
    ~JobBench();

    /// `seconds` long, made once for each length.
    std::filesystem::path film(double seconds);
    /// A document with the quick preset in it. More members: `, "key": value`.
    [[nodiscard]] static std::string document(const std::vector<std::string>& inputs,
                                              const std::string& more = {});
    /// Inserts a job in the way that a submission does; gives its id.
    std::string submit(const std::string& document,
                       const std::function<void(jobs::Job&)>& change = {});

    void open();
    void start(const std::function<void(jobs::RunnerOptions&)>& change = {});
    void stop() { runner.reset(); }
    /// The service ends and begins again.
    void restart();

    [[nodiscard]] jobs::Job job(const std::string& id);
    [[nodiscard]] std::vector<jobs::Task> tasks(const std::string& id);
    [[nodiscard]] std::vector<jobs::Event> events_of(const std::string& id);
    [[nodiscard]] std::vector<std::string> types_of(const std::string& id);
    void write(const sql::Database::Work& work);
    /// Waits, generously, until it is so.
    [[nodiscard]] bool until(const std::function<bool()>& so,
                             std::chrono::seconds most = std::chrono::seconds(180));
    [[nodiscard]] bool until_ended(const std::string& id);
    [[nodiscard]] bool until_in(const std::string& id, jobs::JobState state);
    [[nodiscard]] jobs::Millis now() const;
    /// Children of this process.
    [[nodiscard]] static std::vector<int> children();

    TempFolder folder;
    SystemClock clock;
    NullMetrics metrics;
    std::unique_ptr<sql::Database> database;
    std::unique_ptr<jobs::EventHub> events;
    std::unique_ptr<jobs::Runner> runner;

  private:
    std::function<void(jobs::RunnerOptions&)> change_;
};

/// Relative path to content of every file below a folder.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> files_below(
    const std::filesystem::path& folder);

}  // namespace sg::test
