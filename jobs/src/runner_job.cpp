#include "runner_job.hpp"

#include <algorithm>
#include <csignal>

namespace sg::jobs {

using engine::InputStage;

Candidate RunnerJob::standing() const {
    Candidate candidate;
    candidate.job = job.id;
    candidate.owner = job.owner;
    candidate.priority = job.priority;
    candidate.deadline = job.deadline;
    const auto queued = job.entered.find(name_of(JobState::kQueued));
    candidate.queued = queued == job.entered.end() ? job.created : queued->second;
    candidate.expected_s = job.expected_s;
    return candidate;
}

JobState RunnerJob::state_of_inputs() const {
    InputStage least = InputStage::kDone;
    InputStage most = InputStage::kWaiting;
    for (std::size_t i = 0; i < run->inputs(); ++i) {
        least = std::min(least, run->stage(i));
        most = std::max(most, run->stage(i));
    }
    switch (least) {
        case InputStage::kWaiting:
        case InputStage::kPlanning:
            return most > InputStage::kPlanning ? JobState::kRunning : JobState::kPlanning;
        case InputStage::kRunning:
            return JobState::kRunning;
        case InputStage::kVerifying:
            return JobState::kVerifying;
        case InputStage::kPublishing:
            return JobState::kPublishing;
        case InputStage::kDone:
            return state;
    }
    return state;
}

void RunnerJob::kill_tasks() const {
    // Children lead process groups of their own. They are reaped on this thread only, so the
    // number is still theirs.
    for (const auto& [id, task] : tasks) {
        if (task.pid > 0) ::kill(-task.pid, SIGKILL);
    }
}

void RunnerJob::kill_tasks_in_vain() const {
    for (const auto& [id, task] : tasks) {
        if (task.pid > 0 && run->stage(task.facts.input) == InputStage::kDone)
            ::kill(-task.pid, SIGKILL);
    }
}

}  // namespace sg::jobs
