#include <algorithm>
#include <map>
#include <utility>

#include <nlohmann/json.hpp>

#include <engine/job_preset.hpp>
#include <engine/job_run.hpp>

#include "input_run.hpp"

namespace sg::engine {
namespace {

/// Pipes that are waited for and copied at once, each by a child that takes no slot.
constexpr std::ptrdiff_t kMaxSpooling = 16;
/// Inputs that are planned ahead of the encoders: each holds its source open and its plan.
constexpr std::ptrdiff_t kMaxAhead = 4;

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

}  // namespace

struct JobRun::Impl {
    Impl(EventSink& events, const Clock& time)
        : clock(time), reporter(events, time), begun(time.now()) {}

    [[nodiscard]] std::ptrdiff_t count(bool (*is)(const InputRun&)) const {
        return std::count_if(runs.begin(), runs.end(), [is](const auto& run) { return is(*run); });
    }

    [[nodiscard]] bool may_start(const InputRun& run, const TaskRoom& room) const {
        if (!room.light) return false;
        if (run.needs_spooling() &&
            count([](const InputRun& r) { return r.spooling(); }) >= kMaxSpooling)
            return false;
        return room.heavy || count([](const InputRun& r) {
                                 return r.started() && !r.finished() && !r.spooling();
                             }) < kMaxAhead;
    }

    const Clock& clock;
    Reporter reporter;
    Clock::Monotonic begun;
    std::vector<std::unique_ptr<InputRun>> runs;
    std::map<std::string, InputRun*, std::less<>> owners;  ///< by task
    bool cancelled = false;
    mutable double percent = 0;
};

JobRun::JobRun(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
JobRun::~JobRun() = default;

Result<std::unique_ptr<JobRun>> JobRun::create(const JobDocument& job,
                                               const RunOptions& options,
                                               EventSink& events,
                                               const Clock& clock) {
    if (job.inputs.empty()) return Error{Errc::kInvalidArgument, "the job names no input"};
    auto impl = std::make_unique<Impl>(events, clock);
    const auto names = output_names(job);
    for (std::size_t i = 0; i < job.inputs.size(); ++i) {
        const auto& input = job.inputs[i];
        InputRun::Setup setup;
        SG_TRY_ASSIGN(setup.preset, preset_of(job, input));
        setup.index = i;
        setup.input = input;
        setup.name = names[i];
        setup.folder = std::filesystem::path(job.output);
        if (job.inputs.size() > 1) setup.folder /= names[i];
        setup.verify = verify_mode(job, setup.preset);
        setup.publish = job.publish;
        setup.quality = job.quality;
        setup.options = options;
        impl->runs.push_back(std::make_unique<InputRun>(std::move(setup), impl->reporter));
    }
    return std::unique_ptr<JobRun>(new JobRun(std::move(impl)));
}

std::optional<JobTask> JobRun::next(const TaskRoom& room) {
    if (impl_->cancelled) return std::nullopt;
    for (auto& run : impl_->runs) {
        if (!run->started()) {
            if (!impl_->may_start(*run, room)) continue;
            run->start();
        }
        if (run->finished()) continue;
        if (auto task = run->next_task(room)) {
            impl_->owners[task->task.id] = run.get();
            return task;
        }
    }
    return std::nullopt;
}

void JobRun::on_progress(std::string_view id, std::string_view payload) {
    const auto owner = impl_->owners.find(id);
    if (owner != impl_->owners.end()) owner->second->on_progress(id, payload);
}

void JobRun::on_finished(process::Outcome outcome) {
    const auto owner = impl_->owners.extract(outcome.id);
    if (!owner.empty()) owner.mapped()->on_finished(std::move(outcome));
}

bool JobRun::finished() const {
    return std::all_of(
        impl_->runs.begin(), impl_->runs.end(), [](const auto& run) { return run->finished(); });
}

void JobRun::cancel() {
    impl_->cancelled = true;
    for (auto& run : impl_->runs) run->cancel();
}

std::size_t JobRun::inputs() const {
    return impl_->runs.size();
}

InputStage JobRun::stage(std::size_t input) const {
    return impl_->runs[input]->stage();
}

const Error* JobRun::error(std::size_t input) const {
    const auto& run = *impl_->runs[input];
    return run.finished() && !run.summary().ok ? &run.summary().error : nullptr;
}

std::vector<TaskFacts> JobRun::waiting(std::size_t input) const {
    return impl_->runs[input]->waiting();
}

const std::vector<TaskFacts>& JobRun::found_done(std::size_t input) const {
    return impl_->runs[input]->found_done();
}

EncodingCost JobRun::cost(std::size_t input) const {
    return impl_->runs[input]->cost();
}

JobProgress JobRun::progress() const {
    // Inputs weigh as much as they are long; those not planned yet, as the others on average.
    double known = 0;
    double known_count = 0;
    for (const auto& run : impl_->runs) {
        if (run->summary().duration_s <= 0) continue;
        known += run->summary().duration_s;
        ++known_count;
    }
    const double usual = known_count > 0 ? known / known_count : 1;
    JobProgress progress;
    double done = 0;
    double all = 0;
    const InputRun* last = nullptr;
    for (const auto& run : impl_->runs) {
        // What failed is neither done nor still to do.
        if (run->finished() && !run->summary().ok) continue;
        const double weight = run->summary().duration_s > 0 ? run->summary().duration_s : usual;
        all += weight;
        done += weight * run->fraction();
        progress.speed += run->speed();
        progress.heavy_s += run->heavy_seconds_left();
        if (run->started() && !run->finished() && (last == nullptr || run->stage() < last->stage()))
            last = run.get();
    }
    if (last != nullptr) progress.stage = last->stage_name();
    impl_->percent = std::max(impl_->percent, all > 0 ? 100 * done / all : 0);
    progress.percent = impl_->percent;
    return progress;
}

RunSummary JobRun::end() {
    RunSummary summary;
    summary.cancelled = impl_->cancelled;
    std::int64_t ok = 0;
    for (const auto& run : impl_->runs) {
        run->cancel();
        summary.inputs.push_back(run->summary());
        if (run->summary().ok) ++ok;
    }
    summary.wall_s = std::chrono::duration<double>(impl_->clock.now() - impl_->begun).count();
    impl_->reporter.emit("finished",
                         "",
                         {{"ok", ok},
                          {"failed", static_cast<std::int64_t>(summary.inputs.size()) - ok},
                          {"wall_s", summary.wall_s}});
    return summary;
}

}  // namespace sg::engine
