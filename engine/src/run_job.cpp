#include <algorithm>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <base/file.hpp>
#include <engine/transcode.hpp>
#include <presets/loader.hpp>

#include "input_run.hpp"
#include "task.hpp"

namespace sg::engine {
namespace {

using Runs = std::vector<std::unique_ptr<InputRun>>;

/// A chunk keeps about two processors busy: its largest encoder has one for itself, the others
/// share one. More chunks than that only take memory.
int default_jobs() {
    const auto cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
    return (cores + 1) / 2;
}

/// Pipes that are waited for and copied at once, each by a child that takes no slot.
constexpr std::ptrdiff_t kMaxSpooling = 16;

/// All inputs' tasks in one queue: an input starts when those before it leave a slot free.
class Batch final : public process::TaskSource, public process::TaskObserver {
  public:
    explicit Batch(Runs& runs) : runs_(runs) {}

    std::optional<process::Task> next() override {
        for (auto& run : runs_) {
            if (!run->started()) {
                if (run->needs_spooling() && spooling() >= kMaxSpooling) continue;
                run->start();
            }
            if (run->finished()) continue;
            if (auto task = run->next_task()) {
                owners_[task->id] = run.get();
                return task;
            }
        }
        return std::nullopt;
    }

    bool finished() const override {
        return std::all_of(
            runs_.begin(), runs_.end(), [](const auto& run) { return run->finished(); });
    }

    void on_progress(std::string_view id, std::string_view payload) override {
        const auto owner = owners_.find(std::string(id));
        if (owner != owners_.end()) owner->second->on_progress(id, payload);
    }

    void on_finished(process::Outcome outcome) override {
        const auto owner = owners_.extract(outcome.id);
        if (!owner.empty()) owner.mapped()->on_finished(std::move(outcome));
    }

  private:
    [[nodiscard]] std::ptrdiff_t spooling() const {
        return std::count_if(
            runs_.begin(), runs_.end(), [](const auto& run) { return run->spooling(); });
    }

    Runs& runs_;
    std::map<std::string, InputRun*> owners_;
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

VerifyMode verify_mode(const JobDocument& job, const presets::Preset& preset) {
    if (job.verify) return *job.verify;
    switch (preset.verify) {
        case presets::VerifyLevel::kOff:
            return VerifyMode::kOff;
        case presets::VerifyLevel::kQuick:
            return VerifyMode::kQuick;
        case presets::VerifyLevel::kFull:
            return VerifyMode::kFull;
    }
    return VerifyMode::kQuick;
}

Result<Runs> make_runs(const JobDocument& job, const RunOptions& options, Reporter& reporter) {
    const auto names = output_names(job);
    Runs runs;
    for (std::size_t i = 0; i < job.inputs.size(); ++i) {
        const auto& input = job.inputs[i];
        auto overrides = job.overrides;
        for (const auto& [key, value] : input.overrides) overrides[key] = value;
        InputRun::Setup setup;
        SG_TRY_ASSIGN(setup.preset,
                      presets::load_preset(input.preset.value_or(job.preset), overrides));
        setup.input = input;
        setup.name = names[i];
        setup.folder = std::filesystem::path(job.output);
        if (job.inputs.size() > 1) setup.folder /= names[i];
        setup.verify = verify_mode(job, setup.preset);
        setup.publish = job.publish;
        setup.quality = job.quality;
        setup.options = options;
        runs.push_back(std::make_unique<InputRun>(std::move(setup), reporter));
    }
    return runs;
}

}  // namespace

Result<RunSummary> run_job(const JobDocument& job,
                           const RunOptions& options,
                           EventSink& events,
                           const Clock& clock,
                           std::stop_token stop) {
    if (job.inputs.empty()) return Error{Errc::kInvalidArgument, "the job names no input"};
    const auto begun = clock.now();
    Reporter reporter(events, clock);
    SG_TRY_ASSIGN(auto runs, make_runs(job, options, reporter));
    Batch batch(runs);
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
    RunSummary summary;
    summary.cancelled = stop.stop_requested();
    std::int64_t ok = 0;
    for (auto& run : runs) {
        run->cancel();
        summary.inputs.push_back(run->summary());
        if (run->summary().ok) ++ok;
    }
    summary.wall_s = std::chrono::duration<double>(clock.now() - begun).count();
    reporter.emit("finished",
                  "",
                  {{"ok", ok},
                   {"failed", static_cast<std::int64_t>(runs.size()) - ok},
                   {"wall_s", summary.wall_s}});
    return summary;
}

}  // namespace sg::engine
