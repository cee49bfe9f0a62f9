#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <jobs/estimate.hpp>
#include <jobs/job_folders.hpp>
#include <jobs/runner.hpp>
#include <jobs/scheduler.hpp>

#include <process/supervisor.hpp>

#include "runner_fetches.hpp"
#include "runner_janitor.hpp"
#include "runner_job.hpp"
#include "runner_leases.hpp"
#include "runner_mailbox.hpp"
#include "runner_metrics.hpp"
#include "runner_retry.hpp"

namespace sg::jobs {

/// What the runner's thread does: takes jobs, gives their tasks to the supervisor, writes what
/// becomes of them. Everything is called on that thread but for status() and set_live_encoders();
/// others use the mailbox.
class RunnerCore final : public process::TaskSource, public process::TaskObserver {
  public:
    RunnerCore(const RunnerOptions& options,
               sql::Database& database,
               EventHub& events,
               const Clock& clock,
               Metrics& metrics,
               AllowedRoots roots,
               std::shared_ptr<RunnerMailbox> mailbox);
    ~RunnerCore() override;

    // process::TaskSource and TaskObserver
    [[nodiscard]] std::optional<process::Task> next() override;
    [[nodiscard]] bool finished() const override;
    void on_started(std::string_view id, pid_t pid) override;
    void on_progress(std::string_view id, std::string_view payload) override;
    void on_finished(process::Outcome outcome) override;

    void drain();
    void resume();
    /// finished() once nothing is left.
    void stop(std::chrono::milliseconds grace);
    [[nodiscard]] static bool concerns(const Event& event);
    void hear(const Event& event);
    /// For accepted and queued jobs whose events were missed.
    void look_again();

    [[nodiscard]] WorkerStatus status() const;
    void set_live_encoders(std::size_t count) { live_encoders_ = count; }

  private:
    using Jobs = std::map<std::string, std::unique_ptr<RunnerJob>>;

    // runner_taking.cpp: from the queue to a JobRun
    void look();
    void begin(Job job, Lease lease);
    void start_run(RunnerJob& job);
    [[nodiscard]] Status prepare_run(RunnerJob& job);
    [[nodiscard]] Result<UniqueFd> open_source(const RunnerJob& job, const std::string& uri) const;
    [[nodiscard]] RunnerFetches::Order missing_files(const std::string& id,
                                                     const engine::JobDocument& document) const;

    // runner_intake.cpp: accepted jobs
    void find_accepted();
    void examine(const std::string& id);
    void on_fetched(const std::string& id, const Status& status);
    void tell_fetching(const std::string& id, const FetchProgress& progress);
    void retry_fetches();

    // runner_steps.cpp: what changes while it runs
    void after_step(RunnerJob& job);
    void on_planned(RunnerJob& job, std::size_t input);
    void on_publishing(RunnerJob& job, std::size_t input);
    void on_published(RunnerJob& job, std::size_t input);
    void tell_progress(RunnerJob& job);
    void tick(const Renewal& renewal);
    [[nodiscard]] Task record_of(const RunnerJob& job, const engine::TaskFacts& facts) const;
    /// Heavy slots beside live encoders.
    [[nodiscard]] std::size_t slots() const;
    [[nodiscard]] TimeLeft time_left_of(const RunnerJob& job) const;
    /// The same in seconds of one heavy slot.
    [[nodiscard]] double seconds_left(const RunnerJob& job) const;

    // runner_ending.cpp
    void give_up(RunnerJob& job, RunnerJob::Fate fate);
    void end_those_that_can();
    void decide(RunnerJob& job);
    void fail(RunnerJob& job, const Error& error);
    void write_end(RunnerJob& job);
    void on_end_written(const std::string& id, std::int64_t token, const Status& status);
    void remove_leftovers(const RunnerJob& job);
    void forget(const std::string& id);

    /// Under the job's lease. `then` is called on this thread; a stale lease forgets the job.
    void write(RunnerJob& job, sql::Database::Work work, std::function<void(Status)> then = {});
    /// Without one.
    void write_freely(sql::Database::Work work, std::function<void(Status)> then);
    [[nodiscard]] RunnerJob* find(const std::string& id, std::int64_t token);
    [[nodiscard]] engine::TaskRoom room_for(const RunnerJob& job) const;
    [[nodiscard]] std::vector<RunnerJob*> in_order() const;
    [[nodiscard]] Uses uses(bool by_tasks) const;
    void count(const RunnerJob::InHand& task, int by);
    void show_status();
    /// Its priority or deadline may have changed.
    void read_again(RunnerJob& job);

    const RunnerOptions options_;
    sql::Database& database_;
    EventHub& events_;
    const Clock& clock_;
    RunnerMetrics metrics_;
    const AllowedRoots roots_;
    const std::shared_ptr<RunnerMailbox> mailbox_;
    SchedulePolicy policy_;
    RecentUse recent_;
    std::mt19937_64 chance_;

    Jobs jobs_;
    std::map<std::string, RunnerJob*, std::less<>> owners_;  ///< by task
    std::size_t heavy_running_ = 0;
    std::size_t light_running_ = 0;
    std::size_t beside_running_ = 0;
    std::atomic<std::size_t> live_encoders_{0};
    std::size_t choices_ = 0;
    bool look_ = true;
    Millis looked_ = 0;
    bool taking_ = false;
    bool draining_ = false;
    std::optional<Clock::Monotonic> stop_at_;
    bool handing_back_ = false;

    struct Accepted {
        std::string owner;
        bool fetching = false;
        int failures = 0;
        Millis again = 0;  ///< when to try again
    };
    std::map<std::string, Accepted> accepted_;  ///< whose inputs are not at hand
    std::set<std::string> removing_;            ///< whose folders are being removed

    mutable std::mutex status_mutex_;
    WorkerStatus status_;

    // Last: their threads use what stands above.
    RunnerJanitor janitor_;
    LeaseKeeper leases_;
    RunnerFetches fetches_;
};

}  // namespace sg::jobs
