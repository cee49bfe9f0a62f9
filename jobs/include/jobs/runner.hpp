#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <jobs/event_log.hpp>
#include <sql/database.hpp>

#include <base/clock.hpp>
#include <base/metric.hpp>
#include <base/result.hpp>

namespace sg::jobs {

struct RunnerOptions {
    std::string worker;  ///< "host-1234", unique among those that share the database
    std::filesystem::path
        data;  ///< outputs/<job>/ unless the document says another folder, work, crashes
    std::vector<std::filesystem::path> roots;  ///< below which local inputs and outputs must lie
    std::filesystem::path closed;              ///< but not there, as AllowedRoots has it
    std::size_t heavy_slots = 0;  ///< chunks at once; 0: half the processors, rounded up
    std::size_t light_slots = 4;  ///< probes and plans at once, beside them
    std::size_t fetches = 4;      ///< jobs whose URLs are fetched at once
    std::chrono::milliseconds lease{4'000};
    std::size_t jobs_per_owner = 0;  ///< running at once; 0: no limit
    int attempts = 3;                ///< of a job, for transient and resource failures
    /// Before the second attempt after a transient failure; three times as long each time after,
    /// with chance in it. Eight times as long where room was missing.
    std::chrono::milliseconds backoff{2'000};
    std::uint64_t task_memory_bytes = 0;
    std::chrono::seconds stall{120};
    std::string program = "/proc/self/exe";  ///< its command `task` is what children run
    bool allow_private_addresses = false;    ///< URLs of inputs
    /// The file of an upload of this owner ("upload:ID" is asked for as ID); nothing while it is
    /// not whole: asked again after the event upload.finished. None: there are no uploads.
    std::function<Result<std::optional<std::filesystem::path>>(const std::string& upload,
                                                               const std::string& owner)>
        upload;
};

struct WorkerStatus {
    std::string name;
    bool draining = false;
    std::size_t heavy_slots = 0;
    std::size_t heavy_running = 0;
    std::size_t light_running = 0;
    std::vector<std::string> jobs;
    Millis seen = 0;
};

/// A worker of this process: takes jobs from the queue, runs their tasks in sandboxed children on a
/// thread of its own, writes every change under its lease. Thread-safe.
class Runner {
  public:
    [[nodiscard]] static Result<std::unique_ptr<Runner>> start(RunnerOptions options,
                                                               sql::Database& database,
                                                               EventHub& events,
                                                               const Clock& clock,
                                                               Metrics& metrics);
    /// Hands back what runs, as stop() with no grace does.
    ~Runner();

    /// Takes no more jobs; what runs goes on. Returns at once.
    void drain();
    void resume();
    /// Drains; after `grace` ends tasks and hands their jobs back, resumable at the chunk. `done`
    /// is called once from the runner's thread.
    void stop(std::chrono::milliseconds grace, std::function<void()> done);

    /// Live encoders in use: they come first, so as many heavy slots stay empty, but one.
    void set_live_encoders(std::size_t count);

    [[nodiscard]] WorkerStatus status() const;

  private:
    struct Impl;
    explicit Runner(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace sg::jobs
