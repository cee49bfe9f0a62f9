#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <base/clock.hpp>
#include <base/result.hpp>
#include <engine/transcode.hpp>
#include <pipeline/plan.hpp>
#include <process/supervisor.hpp>

namespace sg::engine {

/// What a task needs of the machine.
enum class TaskWeight {
    kLight,   ///< short, mostly reading: plans, copies of pipes
    kHeavy,   ///< keeps processors busy: chunks, sound alone, packaging, verification
    kBeside,  ///< one thread of little work beside the heavy tasks of its input: sound
};

/// How far an input is. Never goes back.
enum class InputStage { kWaiting, kPlanning, kRunning, kVerifying, kPublishing, kDone };

/// Facts of a task, for schedules and records.
struct TaskFacts {
    std::string id;  ///< of its process::Task; empty for one that did not start
    std::size_t input = 0;
    std::string name;  ///< "plan", "chunk-00003", "audio", "copy", "package", "verify", "quality"
    TaskWeight weight = TaskWeight::kLight;
    int attempt = 0;        ///< from 1
    double expected_s = 0;  ///< guess of its wall time on this machine
    double media_s = 0;     ///< length of what it makes; 0 when that says nothing
};

struct JobTask {
    TaskFacts facts;
    process::Task task;
};

/// What may be done now.
struct TaskRoom {
    bool light = true;
    bool heavy = true;
    bool beside = true;
    bool publish = true;  ///< show players what is verified: done in next(), it is no task
};

/// What dominates the cost of an input's encoding: for the history of speeds.
struct EncodingCost {
    std::string codec;         ///< "h264"; empty when no video is encoded
    std::string speed_preset;  ///< "veryfast", "8"
    std::int64_t height = 0;   ///< of the largest rendition
};

[[nodiscard]] EncodingCost cost_of(const pipeline::Plan& plan);

struct JobProgress {
    double percent = 0;    ///< of the inputs that have not failed; never falls
    double speed = 0;      ///< media seconds a second of what is being encoded
    double heavy_s = 0;    ///< guessed seconds of one heavy slot that are left
    double longest_s = 0;  ///< of those, what cannot be shared out over slots
    std::string stage;     ///< of the input that is furthest behind: "index", "encode", "verify"
};

/// All inputs of one job as a source of tasks, which somebody else's supervisor runs. One thread.
class JobRun {
  public:
    /// Errors are about the whole job: no such preset.
    [[nodiscard]] static Result<std::unique_ptr<JobRun>> create(const JobDocument& job,
                                                                const RunOptions& options,
                                                                EventSink& events,
                                                                const Clock& clock);
    ~JobRun();

    /// The task to start next: sound first, which is one long task, then the longest. Nothing when
    /// none is ready or there is no room for one. Opens sources and makes folders on the way.
    [[nodiscard]] std::optional<JobTask> next(const TaskRoom& room);
    void on_progress(std::string_view id, std::string_view payload);
    /// Also for tasks that were killed after cancel().
    void on_finished(process::Outcome outcome);
    [[nodiscard]] bool finished() const;
    /// Gives no task any more. What is done stays in the work folders; tasks that run count for
    /// nothing: end them.
    void cancel();

    [[nodiscard]] std::size_t inputs() const;
    [[nodiscard]] InputStage stage(std::size_t input) const;
    /// Why it failed; nothing while it did not.
    [[nodiscard]] const Error* error(std::size_t input) const;
    /// Tasks that are ready and were not given yet.
    [[nodiscard]] std::vector<TaskFacts> waiting(std::size_t input) const;
    /// Tasks whose results an interrupted run left: they are not given.
    [[nodiscard]] const std::vector<TaskFacts>& found_done(std::size_t input) const;
    /// Empty before its plan.
    [[nodiscard]] EncodingCost cost(std::size_t input) const;
    [[nodiscard]] JobProgress progress() const;
    /// After the last task, once: cancels what is not finished and tells the run's last event.
    [[nodiscard]] RunSummary end();

  private:
    struct Impl;
    explicit JobRun(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace sg::engine
