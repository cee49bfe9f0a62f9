#include <utility>

#include <fmt/format.h>
#include <jobs/event_log.hpp>
#include <jobs/job_table.hpp>
#include <nlohmann/json.hpp>

#include "job_changes.hpp"
#include "job_rows.hpp"

// What a worker writes about a job it holds. The token is in the WHERE of every statement.

namespace sg::jobs {
namespace {

const char* event_of(TaskState state) {
    switch (state) {
        case TaskState::kRunning:
            return "task.started";
        case TaskState::kSucceeded:
            return "task.finished";
        case TaskState::kFailed:
            return "task.failed";
        case TaskState::kWaiting:
        case TaskState::kCancelled:
            break;
    }
    return nullptr;
}

Status append_task_event(
    sql::Connection& db, const JobHead& head, const Task& task, const char* type, Millis now) {
    nlohmann::json data{{"task", task.name},
                        {"input", task.input},
                        {"attempt", task.attempt},
                        {"worker", task.worker}};
    if (task.state != TaskState::kRunning) {
        if (task.started > 0 && task.ended >= task.started)
            data["seconds"] = static_cast<double>(task.ended - task.started) / 1'000;
        data["speed"] = task.speed;
        data["code"] = task.code;
        data["message"] = task.message;
    }
    Event event;
    event.time = now;
    event.type = type;
    event.subject = head.id;
    event.owner = head.owner;
    event.data = data.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    return append_event(db, std::move(event));
}

}  // namespace

Status enter_state(
    sql::Connection& db, const Lease& lease, JobState state, std::string_view reason, Millis now) {
    if (state < JobState::kPlanning || ended(state))
        return Error{Errc::kInternal,
                     fmt::format("job {}: a worker does not enter {} but by the end of its attempt",
                                 lease.job,
                                 name_of(state))};
    SG_TRY_ASSIGN(const auto head, find_leased(db, lease));
    if (head.state == state) return {};
    StateEntry entry;
    entry.state = state;
    entry.reason = reason;
    entry.keeps_lease = true;
    return enter(db, head, entry, now);
}

Status write_task(sql::Connection& db, const Lease& lease, const Task& task, Millis now) {
    SG_TRY_ASSIGN(const auto head, find_leased(db, lease));
    std::optional<std::pair<TaskState, std::int64_t>> before;
    SG_TRY(db.query(
        "SELECT state, attempt FROM job_tasks WHERE job = $1 AND input = $2 AND name = $3",
        {head.seq, task.input, task.name},
        [&](const sql::Row& row) -> Status {
            before = {task_state(row.text(0)).value_or(TaskState::kWaiting), row.integer(1)};
            return {};
        }));
    SG_TRY_ASSIGN(
        const auto written,
        db.run("INSERT INTO job_tasks(job, input, name, state, attempt, worker, started, ended, "
               "expected_s, media_s, speed, percent, code, message) "
               "SELECT seq, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13 FROM jobs "
               "WHERE seq = $14 AND lease_token = $15 "
               "ON CONFLICT(job, input, name) DO UPDATE SET state = excluded.state, "
               "attempt = excluded.attempt, worker = excluded.worker, started = excluded.started, "
               "ended = excluded.ended, expected_s = excluded.expected_s, "
               "media_s = excluded.media_s, speed = excluded.speed, percent = excluded.percent, "
               "code = excluded.code, message = excluded.message",
               {task.input,
                task.name,
                name_of(task.state),
                task.attempt,
                task.worker,
                task.started,
                task.ended,
                task.expected_s,
                task.media_s,
                task.speed,
                task.percent,
                task.code,
                task.message,
                head.seq,
                lease.token}));
    if (written != 1) return stale_lease(lease.job, lease.worker, lease.token);
    if (before == std::pair{task.state, task.attempt}) return {};
    // It gets on: earlier losses were not its fault.
    if (task.state == TaskState::kSucceeded && head.losses > 0)
        SG_TRY(db.run("UPDATE jobs SET losses = 0 WHERE seq = $1 AND lease_token = $2",
                      {head.seq, lease.token}));
    const char* type = event_of(task.state);
    if (type == nullptr) return {};
    return append_task_event(db, head, task, type, now);
}

Status write_progress(sql::Connection& db, const Lease& lease, double percent, double expected_s) {
    SG_TRY_ASSIGN(const auto changed,
                  db.run("UPDATE jobs SET percent = $1, expected_s = $2 "
                         "WHERE id = $3 AND lease_token = $4",
                         {percent, expected_s, lease.job, lease.token}));
    if (changed != 1) return stale_lease(lease.job, lease.worker, lease.token);
    return {};
}

Status end_attempt(sql::Connection& db, const Lease& lease, const AttemptEnd& end, Millis now) {
    if (end.state != JobState::kQueued && !ended(end.state))
        return Error{
            Errc::kInternal,
            fmt::format("job {}: an attempt does not end in {}", lease.job, name_of(end.state))};
    SG_TRY_ASSIGN(auto head, find_leased(db, lease));
    head.losses = 0;
    StateEntry entry;
    entry.state = end.state;
    entry.reason = end.code.empty() && end.state == JobState::kQueued ? end.outcome : end.code;
    entry.message = end.message;
    entry.retry_class = end.retry_class;
    entry.not_before = end.retry_at;
    if (end.state == JobState::kQueued && head.cancel_requested) {
        entry = {};
        entry.state = JobState::kCancelled;
        entry.reason = "cancelled";
    }
    if (entry.state == JobState::kCancelled) entry.message = head.cancel_message();
    SG_TRY(close_attempt(db, head, {end.outcome, end.code, end.message}, now));
    SG_TRY(settle_tasks(db, head, entry.state, now));
    SG_TRY(enter(db, head, entry, now));
    if (!ended(entry.state)) return {};
    SG_TRY(db.run(
        "UPDATE jobs SET percent = CASE WHEN $1 THEN 100 ELSE percent END, outputs_bytes = $2 "
        "WHERE seq = $3",
        {entry.state == JobState::kSucceeded, end.outputs_bytes, head.seq}));
    SG_TRY(db.run("UPDATE job_documents SET result = $1 WHERE job = $2", {end.result, head.seq}));
    return {};
}

}  // namespace sg::jobs
