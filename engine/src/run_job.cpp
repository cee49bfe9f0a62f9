#include <algorithm>
#include <thread>

#include <engine/job_run.hpp>
#include <engine/transcode.hpp>

#include "task.hpp"

namespace sg::engine {
namespace {

/// A chunk keeps about two processors busy: its largest encoder has one for itself, the others
/// share one. More chunks than that only take memory.
int default_jobs() {
    const auto cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
    return (cores + 1) / 2;
}

/// One job with a supervisor of its own: an input starts when those before it leave a slot free.
class Batch final : public process::TaskSource, public process::TaskObserver {
  public:
    explicit Batch(JobRun& run) : run_(run) {}

    std::optional<process::Task> next() override {
        auto task = run_.next({});
        if (!task) return std::nullopt;
        return std::move(task->task);
    }
    bool finished() const override { return run_.finished(); }
    void on_progress(std::string_view id, std::string_view payload) override {
        run_.on_progress(id, payload);
    }
    void on_finished(process::Outcome outcome) override { run_.on_finished(std::move(outcome)); }

  private:
    JobRun& run_;
};

/// For a debugger: the same tasks one after the other in this process.
void run_in_process(Batch& batch, std::stop_token stop) {
    while (!stop.stop_requested()) {
        auto task = batch.next();
        if (!task) return;
        const auto progress = [&](std::string_view payload) -> Status {
            batch.on_progress(task->id, payload);
            return {};
        };
        const process::ProgressSender sender = progress;
        TaskContext context{sender, stop, std::move(task->request_fds)};
        process::Outcome outcome{task->id, run_task(task->request, context), {}, {}};
        batch.on_finished(std::move(outcome));
    }
}

}  // namespace

Result<RunSummary> run_job(const JobDocument& job,
                           const RunOptions& options,
                           EventSink& events,
                           const Clock& clock,
                           std::stop_token stop) {
    SG_TRY_ASSIGN(const auto run, JobRun::create(job, options, events, clock));
    Batch batch(*run);
    if (options.in_process) {
        run_in_process(batch, stop);
    } else {
        process::SupervisorOptions supervision;
        supervision.max_running =
            static_cast<std::size_t>(options.jobs > 0 ? options.jobs : default_jobs());
        SG_TRY_ASSIGN(auto supervisor, process::Supervisor::create(supervision));
        SG_TRY_ASSIGN(const auto report, supervisor.run(batch, batch, stop));
        static_cast<void>(report);
    }
    auto summary = run->end();
    summary.cancelled = stop.stop_requested();
    return summary;
}

}  // namespace sg::engine
