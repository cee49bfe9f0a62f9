#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <jobs/input_policy.hpp>
#include <jobs/job_table.hpp>
#include <jobs/scheduler.hpp>
#include <sys/types.h>

#include <base/clock.hpp>
#include <engine/job.hpp>
#include <engine/job_run.hpp>

namespace sg::jobs {

/// A job that this worker holds the lease of. Lives on the runner's thread.
struct RunnerJob final : engine::EventSink {
    /// What becomes of it when none of its tasks runs any more.
    enum class Fate {
        kRun,
        kCancel,
        kHandBack,
        kForget,  ///< another worker has it by now, or it is gone
    };
    struct InHand {
        engine::TaskFacts facts;
        pid_t pid = -1;
        Millis started = 0;
        Clock::Monotonic begun;
    };
    /// What chunks of one input took, for the history of speeds.
    struct Measured {
        double media_s = 0;
        double wall_s = 0;
    };

    Job job;
    Lease lease;
    engine::JobDocument document;
    std::unique_ptr<engine::JobRun> run;  ///< none before its inputs are at hand
    std::optional<OutputFolder> output;   ///< of a folder that the document names
    Fate fate = Fate::kRun;
    JobState state = JobState::kPlanning;
    bool alone = false;     ///< it lacked room before: no other heavy task beside its
    bool fetching = false;  ///< of URLs
    bool ending = false;    ///< its end is being written
    std::map<std::string, InHand> tasks;
    std::vector<engine::InputStage> stages;
    std::vector<Measured> measured;
    std::vector<Millis> publish_began;
    std::size_t publish_unconfirmed = 0;
    std::optional<Error> refused;      ///< why the whole of it cannot be, whatever its inputs do
    std::optional<AttemptEnd> end;     ///< decided
    std::optional<JobState> ended_as;  ///< told by an event of its end
    std::vector<SpeedSample> speeds;
    // Of the engine's guess, by the history of speeds: 1 without one.
    double slower = 1;
    double slower_least = 0.5;
    double slower_most = 2;
    double found_percent = 0;  ///< when it began to encode: what an earlier attempt had done
    std::optional<Clock::Monotonic> told;

    void on_event(const engine::Event& /*event*/) override {}  // told from JobRun's own facts

    [[nodiscard]] Candidate standing() const;
    /// The state that its inputs are in, taken together.
    [[nodiscard]] JobState state_of_inputs() const;
    /// Its tasks end soon, and count for nothing.
    void kill_tasks() const;
    /// Those of inputs that failed.
    void kill_tasks_in_vain() const;
};

}  // namespace sg::jobs
