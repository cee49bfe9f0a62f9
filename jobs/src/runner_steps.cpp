#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <jobs/estimate.hpp>
#include <nlohmann/json.hpp>

#include "runner_core.hpp"
#include "wall_time.hpp"

// What is written and told while a job's tasks run.
namespace sg::jobs {
namespace {

using engine::InputStage;

constexpr std::chrono::milliseconds kProgressPause{250};

engine::TaskFacts publishing(std::size_t input) {
    engine::TaskFacts facts;
    facts.input = input;
    facts.name = "publish";
    facts.attempt = 1;
    return facts;
}

/// Results that were safe on disk when the worker before was killed, and not yet in the database.
Status write_found(sql::Connection& db,
                   const Lease& lease,
                   const std::vector<Task>& done,
                   Millis now) {
    if (done.empty()) return {};
    SG_TRY_ASSIGN(const auto known, tasks_of(db, lease.job));
    for (auto record : done) {
        const auto row = std::find_if(known.begin(), known.end(), [&](const Task& task) {
            return task.input == record.input && task.name == record.name;
        });
        if (row != known.end() && row->state == TaskState::kSucceeded) continue;
        record.state = TaskState::kSucceeded;
        record.attempt = row == known.end() ? 1 : std::max<std::int64_t>(1, row->attempt);
        record.ended = now;
        record.percent = 100;
        SG_TRY(write_task(db, lease, record, now));
    }
    return {};
}

}  // namespace

Task RunnerCore::record_of(const RunnerJob& job, const engine::TaskFacts& facts) const {
    Task task;
    task.job = job.job.id;
    task.input = static_cast<std::int64_t>(facts.input);
    task.name = facts.name;
    task.attempt = facts.attempt;
    task.worker = options_.worker;
    task.expected_s = facts.expected_s * (facts.name.starts_with("chunk-") ? job.slower : 1);
    task.media_s = facts.media_s;
    return task;
}

void RunnerCore::after_step(RunnerJob& job) {
    if (!job.run || job.fate != RunnerJob::Fate::kRun) return;
    bool failed = false;
    for (std::size_t i = 0; i < job.run->inputs(); ++i) {
        const auto stage = job.run->stage(i);
        const auto before = job.stages[i];
        if (stage == before) continue;
        job.stages[i] = stage;
        if (stage >= InputStage::kRunning && before < InputStage::kRunning) on_planned(job, i);
        if (stage == InputStage::kPublishing) on_publishing(job, i);
        if (stage == InputStage::kDone && before == InputStage::kPublishing) on_published(job, i);
        failed = failed || job.run->error(i) != nullptr;
    }
    if (failed) job.kill_tasks_in_vain();
    const auto state = job.state_of_inputs();
    if (state <= job.state) return;
    job.state = state;
    job.job.entered[name_of(state)] = millis_of(clock_);
    if (state == JobState::kRunning) job.found_percent = job.run->progress().percent;
    write(job, [lease = job.lease, state, now = millis_of(clock_)](sql::Connection& db) {
        return enter_state(db, lease, state, {}, now);
    });
}

void RunnerCore::on_planned(RunnerJob& job, std::size_t input) {
    const auto waiting = job.run->waiting(input);
    const auto cost = job.run->cost(input);
    if (!cost.codec.empty()) {
        const SpeedSample like{cost.codec, cost.speed_preset, cost.height, 0};
        auto reader = database_.read();
        const auto history = reader ? expected_speed(**reader, like)
                                    : Result<std::optional<SpeedEstimate>>(reader.error());
        const auto chunk = std::find_if(waiting.begin(), waiting.end(), [](const auto& facts) {
            return facts.name.starts_with("chunk-");
        });
        if (history && *history && chunk != waiting.end() && chunk->expected_s > 0) {
            const double guessed = chunk->media_s / chunk->expected_s;
            const auto& seen = **history;
            if (seen.low > 0 && guessed > 0) {
                job.slower = guessed / seen.median;
                job.slower_least = guessed / seen.high;
                job.slower_most = guessed / seen.low;
            }
        }
    }
    std::vector<Task> records;
    for (const auto& facts : waiting) records.push_back(record_of(job, facts));
    std::vector<Task> done;
    for (const auto& facts : job.run->found_done(input)) done.push_back(record_of(job, facts));
    write(job,
          [lease = job.lease,
           records = std::move(records),
           done = std::move(done),
           left = seconds_left(job),
           percent = job.run->progress().percent,
           now = millis_of(clock_)](sql::Connection& db) -> Status {
              for (const auto& record : records) SG_TRY(write_task(db, lease, record, now));
              SG_TRY(write_found(db, lease, done, now));
              return write_progress(db, lease, percent, left);
          });
}

void RunnerCore::on_publishing(RunnerJob& job, std::size_t input) {
    const auto now = millis_of(clock_);
    job.publish_began[input] = now;
    auto record = record_of(job, publishing(input));
    record.state = TaskState::kRunning;
    record.started = now;
    ++job.publish_unconfirmed;
    // Players see nothing of a job that another worker has by now: first a write under the lease.
    write(
        job,
        [lease = job.lease, record = std::move(record), now](sql::Connection& db) {
            return write_task(db, lease, record, now);
        },
        [this, id = job.job.id, token = job.lease.token](const Status& status) {
            auto* held = find(id, token);
            if (held == nullptr) return;
            if (!status) {
                // It stays unconfirmed; a stale lease has ended the job already.
                if (status.error().code != Errc::kPermission) fail(*held, status.error());
                return;
            }
            if (held->output) {
                if (auto still = held->output->still_there(); !still) {
                    fail(*held, still.error());
                    return;
                }
            }
            --held->publish_unconfirmed;
        });
}

void RunnerCore::on_published(RunnerJob& job, std::size_t input) {
    const auto now = millis_of(clock_);
    auto record = record_of(job, publishing(input));
    record.started = job.publish_began[input];
    record.ended = now;
    record.state = TaskState::kSucceeded;
    record.percent = 100;
    if (const auto* error = job.run->error(input)) {
        record.state = TaskState::kFailed;
        record.percent = 0;
        record.code = errc_name(error->code);
        record.message = error->message;
    }
    write(job, [lease = job.lease, record = std::move(record), now](sql::Connection& db) {
        return write_task(db, lease, record, now);
    });
}

TimeLeft RunnerCore::time_left_of(const RunnerJob& job) const {
    const auto progress = job.run->progress();
    const auto seconds = progress.heavy_s / static_cast<double>(slots());
    // Before that, an earlier attempt's time may stand there.
    const auto began = job.state == JobState::kPlanning
                           ? job.job.entered.end()
                           : job.job.entered.find(name_of(JobState::kRunning));
    const auto spent = began != job.job.entered.end() && began->second > 0
                           ? static_cast<double>(millis_of(clock_) - began->second) / 1000
                           : double{0};
    return time_left({seconds * job.slower, seconds * job.slower_least, seconds * job.slower_most},
                     spent,
                     progress.percent,
                     job.found_percent);
}

std::size_t RunnerCore::slots() const {
    return std::max<std::size_t>(1, slots_beside_live(options_.heavy_slots, live_encoders_));
}

double RunnerCore::seconds_left(const RunnerJob& job) const {
    if (job.run->progress().heavy_s <= 0) return 0;
    return time_left_of(job).seconds * static_cast<double>(slots());
}

void RunnerCore::tell_progress(RunnerJob& job) {
    const auto now = clock_.now();
    if (job.fate != RunnerJob::Fate::kRun || (job.told && now - *job.told < kProgressPause)) return;
    job.told = now;
    const auto progress = job.run->progress();
    nlohmann::json data{{"stage", progress.stage}, {"percent", progress.percent}};
    if (progress.speed > 0) data["speed"] = progress.speed;
    if (progress.heavy_s > 0) {
        const auto left = time_left_of(job);
        data["eta_s"] = left.seconds;
        data["eta_low_s"] = left.low;
        data["eta_high_s"] = left.high;
    }
    Event event;
    event.time = millis_of(clock_);
    event.type = "job.progress";
    event.subject = job.job.id;
    event.owner = job.job.owner;
    event.data = data.dump();
    events_.tell(std::move(event));
}

void RunnerCore::tick(const Renewal& renewal) {
    for (const auto& id : renewal.lost) {
        if (const auto at = jobs_.find(id); at != jobs_.end())
            give_up(*at->second, RunnerJob::Fate::kForget);
    }
    for (const auto& id : renewal.cancel_requested) {
        if (const auto at = jobs_.find(id); at != jobs_.end())
            give_up(*at->second, RunnerJob::Fate::kCancel);
    }
    for (auto& [id, job] : jobs_) {
        if (job->end && !job->ending) write_end(*job);
        if (!job->run || job->fate != RunnerJob::Fate::kRun || job->end) continue;
        write(
            *job,
            [lease = job->lease, percent = job->run->progress().percent, left = seconds_left(*job)](
                sql::Connection& db) { return write_progress(db, lease, percent, left); });
    }
    retry_fetches();
    look_ = true;
}

}  // namespace sg::jobs
