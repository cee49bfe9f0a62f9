#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <jobs/job_folders.hpp>

#include <base/log.hpp>

#include "runner_core.hpp"
#include "wall_time.hpp"

// How a worker lets go of a job.
namespace sg::jobs {
namespace {

using Fate = RunnerJob::Fate;

/// The failure that decides about the job: one that another try may help, else the first.
const engine::InputSummary* decisive(const engine::RunSummary& summary) {
    const engine::InputSummary* first = nullptr;
    for (const auto& input : summary.inputs) {
        if (input.ok) continue;
        if (first == nullptr) first = &input;
        if (worth_retrying(retry_class_of(input), 1, 2)) return &input;
    }
    return first;
}

std::int64_t bytes_of(const engine::RunSummary& summary) {
    std::int64_t bytes = 0;
    for (const auto& input : summary.inputs) {
        if (!input.ok) continue;
        for (const auto& rendition : input.renditions) bytes += rendition.bytes;
    }
    return bytes;
}

AttemptEnd end_of(const engine::RunSummary& summary) {
    AttemptEnd end;
    end.result = engine::to_json(summary);
    end.outputs_bytes = bytes_of(summary);
    const auto* failed = decisive(summary);
    if (failed == nullptr) {
        end.state = JobState::kSucceeded;
        end.outcome = "succeeded";
        return end;
    }
    end.outcome = "failed";
    end.code = errc_name(failed->error.code);
    end.message = failed->error.message;
    end.retry_class = retry_class_of(*failed);
    end.state = JobState::kFailed;
    return end;
}

}  // namespace

void RunnerCore::give_up(RunnerJob& job, Fate fate) {
    // Forgetting is stronger than the wish to cancel, that than handing back; what has its end
    // already keeps it.
    if (fate != Fate::kForget && (job.end || job.fate != Fate::kRun)) return;
    job.fate = fate;
    if (job.fetching) {
        fetches_.drop(job.job.id);
        job.fetching = false;
    }
    if (job.run) job.run->cancel();
    job.kill_tasks();
    mailbox_->post([] {});  // looks at it again
}

void RunnerCore::end_those_that_can() {
    std::vector<RunnerJob*> all;
    for (auto& [id, job] : jobs_) all.push_back(job.get());
    for (auto* job : all) {
        if (!job->tasks.empty() || job->fetching || job->ending) continue;
        if (job->fate == Fate::kForget) {
            forget(job->job.id);
        } else if (!job->end && (job->fate != Fate::kRun || job->refused ||
                                 (job->run && job->run->finished()))) {
            decide(*job);
            write_end(*job);
        }
    }
}

void RunnerCore::decide(RunnerJob& job) {
    AttemptEnd end;
    if (job.run) {
        const auto summary = job.run->end();
        end = end_of(summary);
        for (std::size_t i = 0; i < job.run->inputs(); ++i) {
            const auto cost = job.run->cost(i);
            const auto& measured = job.measured[i];
            if (summary.inputs[i].ok && measured.wall_s > 0 && !cost.codec.empty())
                job.speeds.push_back({cost.codec,
                                      cost.speed_preset,
                                      cost.height,
                                      measured.media_s / measured.wall_s});
        }
    }
    if (job.refused && job.fate == Fate::kRun) {
        end.state = JobState::kFailed;
        end.outcome = "failed";
        end.code = errc_name(job.refused->code);
        end.message = job.refused->message;
        end.retry_class = retry_class_of(*job.refused, "open", false);
    }
    switch (job.fate) {
        case Fate::kCancel:
            end.state = JobState::kCancelled;
            end.outcome = end.code = "cancelled";
            end.message = "cancelled as asked";
            end.retry_class = RetryClass::kNone;
            break;
        case Fate::kHandBack:
            end.state = JobState::kQueued;
            end.outcome = "handed_back";
            end.code.clear();
            end.message = "its worker stopped; the job goes on where it was";
            end.retry_class = RetryClass::kNone;
            end.retry_at = 0;
            break;
        case Fate::kRun:
        case Fate::kForget:
            break;
    }
    job.end = std::move(end);
    // Its locks and descriptors: whoever takes the job next needs them.
    job.run.reset();
}

void RunnerCore::fail(RunnerJob& job, const Error& error) {
    if (job.end || job.refused) return;
    job.refused = error;
    if (job.run) job.run->cancel();
    job.kill_tasks();
    mailbox_->post([] {});  // its end is decided when they are gone
}

void RunnerCore::write_end(RunnerJob& job) {
    job.ending = true;
    auto& end = *job.end;
    if (end.state == JobState::kFailed && job.fate == Fate::kRun) {
        const int failures = failures_in_series(job.job);
        if (worth_retrying(end.retry_class, failures, options_.attempts)) {
            const auto pause = backoff(end.retry_class,
                                       failures,
                                       options_.backoff,
                                       std::uniform_real_distribution<>(0, 1)(chance_));
            end.state = JobState::kQueued;
            end.retry_at = millis_of(clock_) + pause.count();
        }
    }
    write_freely(
        [lease = job.lease, end, speeds = job.speeds, now = millis_of(clock_)](
            sql::Connection& db) -> Status {
            SG_TRY(end_attempt(db, lease, end, now));
            for (const auto& speed : speeds) SG_TRY(add_speed(db, speed, now));
            return {};
        },
        [this, id = job.job.id, token = job.lease.token](const Status& status) {
            on_end_written(id, token, status);
        });
}

void RunnerCore::on_end_written(const std::string& id, std::int64_t token, const Status& status) {
    auto* job = find(id, token);
    if (job == nullptr) return;
    job->ending = false;
    if (!status) {
        if (status.error().code == Errc::kPermission) {
            log::warn("lease_lost job={} token={}", id, token);
            forget(id);
        } else {
            // The lease is kept, and the next tick tries again.
            log::error("end_not_written job={} error=\"{}\"", id, status.error().message);
        }
        return;
    }
    auto& end = *job->end;
    if (job->ended_as) end.state = *job->ended_as;
    log::info("job_attempt_ended job={} state={} outcome={} code={}",
              id,
              name_of(end.state),
              end.outcome,
              end.code);
    if (end.state == JobState::kQueued) {
        if (end.outcome == "failed") metrics_.retried(end.retry_class);
    } else {
        metrics_.job_ended(name_of(end.state));
        remove_leftovers(*job);
    }
    forget(id);
}

void RunnerCore::remove_leftovers(const RunnerJob& job) {
    const auto& end = *job.end;
    std::vector<std::filesystem::path> folders;
    if (job.document.output == own_output_folder(options_.data, job.job.id).string())
        folders =
            unfinished_outputs(options_.data, job.job.id, end.state, end.outputs_bytes, end.result);
    // Last: by it the next start finds what a kill left of the others.
    folders.push_back(work_folder(options_.data, job.job.id));
    removing_.insert(job.job.id);
    janitor_.remove(job.job.id, std::move(folders));
}

void RunnerCore::forget(const std::string& id) {
    leases_.remove(id);
    jobs_.erase(id);
    look_ = true;
}

}  // namespace sg::jobs
