#include <fmt/format.h>
#include <jobs/job_table.hpp>

#include "job_changes.hpp"
#include "job_rows.hpp"

// What users ask of a job.

namespace sg::jobs {
namespace {

Error not_now(std::string_view what, const JobHead& head) {
    return Error{Errc::kMismatch,
                 fmt::format("{} job {}: it is {}", what, head.id, name_of(head.state))};
}

}  // namespace

Status queue_job(sql::Connection& db, std::string_view id, std::string_view reason, Millis now) {
    SG_TRY_ASSIGN(auto head, find_head(db, id));
    if (head.state != JobState::kAccepted) return not_now("queue", head);
    head.waiting_since = now;
    StateEntry entry;
    entry.reason = reason;
    return enter(db, head, entry, now);
}

Status fail_accepted(sql::Connection& db,
                     std::string_view id,
                     std::string_view code,
                     std::string_view message,
                     RetryClass retry_class,
                     Millis now) {
    SG_TRY_ASSIGN(const auto head, find_head(db, id));
    if (head.state != JobState::kAccepted) return not_now("fail", head);
    StateEntry entry;
    entry.state = JobState::kFailed;
    entry.reason = code;
    entry.message = message;
    entry.retry_class = retry_class;
    return enter(db, head, entry, now);
}

Status request_cancel(sql::Connection& db, std::string_view id, std::string_view why, Millis now) {
    SG_TRY_ASSIGN(const auto head, find_head(db, id));
    if (ended(head.state)) return not_now("cancel", head);
    if (head.token == 0) {
        StateEntry entry;
        entry.state = JobState::kCancelled;
        entry.reason = "cancelled";
        entry.message = why;
        SG_TRY(settle_tasks(db, head, entry.state, now));
        return enter(db, head, entry, now);
    }
    if (head.cancel_requested) return {};
    SG_TRY(
        db.run("UPDATE jobs SET cancel_requested = 1, message = $1, version = version + 1 "
               "WHERE seq = $2",
               {why, head.seq}));
    return append_job_event(db, head, "job.cancelling", "cancelled", why, now);
}

Status retry_job(sql::Connection& db, std::string_view id, Millis now) {
    SG_TRY_ASSIGN(auto head, find_head(db, id));
    if (head.state != JobState::kFailed && head.state != JobState::kCancelled)
        return not_now("retry", head);
    head.waiting_since = now;
    head.losses = 0;
    head.cancel_requested = false;
    StateEntry entry;
    // What never got its inputs has to get them first.
    entry.state = head.entered_queued == 0 ? JobState::kAccepted : JobState::kQueued;
    entry.reason = "retried";
    SG_TRY(enter(db, head, entry, now));
    SG_TRY(
        db.run("UPDATE jobs SET percent = 0, outputs_bytes = 0, outputs_deleted = 0 WHERE seq = $1",
               {head.seq}));
    SG_TRY(db.run("UPDATE job_documents SET result = '' WHERE job = $1", {head.seq}));
    return {};
}

Status change_priority(sql::Connection& db,
                       std::string_view id,
                       Priority priority,
                       std::optional<Millis> deadline,
                       std::int64_t version,
                       Millis now) {
    SG_TRY_ASSIGN(const auto head, find_head(db, id));
    if (version != 0 && version != head.version)
        return Error{Errc::kMismatch,
                     fmt::format("change job {}: it has version {} by now, not {}; read it again",
                                 id,
                                 head.version,
                                 version)};
    if (ended(head.state)) return not_now("change the priority of", head);
    SG_TRY(db.run("UPDATE jobs SET priority = $1, version = version + 1 WHERE seq = $2",
                  {static_cast<int>(priority), head.seq}));
    if (deadline)
        SG_TRY(db.run("UPDATE jobs SET deadline = $1 WHERE seq = $2",
                      {*deadline > 0 ? *deadline : kNoDeadline, head.seq}));
    return append_job_event(
        db, head, "job.changed", "priority", fmt::format("priority {}", name_of(priority)), now);
}

Status mark_outputs_deleted(sql::Connection& db, std::string_view id, Millis now) {
    SG_TRY_ASSIGN(const auto head, find_head(db, id));
    SG_TRY(db.run("UPDATE jobs SET outputs_deleted = $1, version = version + 1 WHERE seq = $2",
                  {now, head.seq}));
    return append_job_event(db, head, "job.outputs_deleted", "outputs_deleted", "", now);
}

}  // namespace sg::jobs
