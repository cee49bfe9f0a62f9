#include "job_changes.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <jobs/event_log.hpp>
#include <nlohmann/json.hpp>

namespace sg::jobs {
namespace {

// A service that was killed is not the job's fault: the first losses cost no time. What takes the
// service down again and again waits longer each time.
constexpr std::int64_t kFreeLosses = 4;
constexpr Millis kLongestBackOff = 60'000;

Millis back_off(std::int64_t losses) {
    if (losses <= kFreeLosses) return 0;
    return std::min<Millis>(kLongestBackOff,
                            Millis{1'000} << std::min(losses - kFreeLosses, std::int64_t{10}));
}

}  // namespace

Error stale_lease(std::string_view job, std::string_view worker, std::int64_t token) {
    return Error{Errc::kPermission,
                 fmt::format("stale lease: worker {} does not hold job {} under token {} any more",
                             worker,
                             job,
                             token)};
}

Result<JobHead> find_leased(sql::Connection& db, const Lease& lease) {
    SG_TRY_ASSIGN(auto heads,
                  find_heads(db, "id = $1 AND lease_token = $2", {lease.job, lease.token}));
    if (heads.empty()) return stale_lease(lease.job, lease.worker, lease.token);
    return std::move(heads.front());
}

Status count_move(sql::Connection& db,
                  std::string_view owner,
                  std::optional<JobState> from,
                  std::optional<JobState> to) {
    if (from)
        SG_TRY(db.run("UPDATE job_totals SET jobs = jobs - 1 WHERE state = $1", {name_of(*from)}));
    if (to)
        SG_TRY(db.run("UPDATE job_totals SET jobs = jobs + 1 WHERE state = $1", {name_of(*to)}));
    const int open = (to && !ended(*to) ? 1 : 0) - (from && !ended(*from) ? 1 : 0);
    if (open != 0)
        SG_TRY(
            db.run("INSERT INTO job_owners(owner, open) VALUES ($1, $2) "
                   "ON CONFLICT(owner) DO UPDATE SET open = job_owners.open + excluded.open",
                   {owner, open}));
    return {};
}

Status append_job_event(sql::Connection& db,
                        const JobHead& head,
                        std::string_view type,
                        std::string_view reason,
                        std::string_view message,
                        Millis now) {
    nlohmann::json data{{"state", name_of(head.state)},
                        {"reason", reason},
                        {"message", message},
                        {"attempt", head.attempt}};
    if (!head.worker.empty()) data["worker"] = head.worker;
    Event event;
    event.time = now;
    event.type = type;
    event.subject = head.id;
    event.owner = head.owner;
    event.data = data.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    return append_event(db, std::move(event));
}

Status enter(sql::Connection& db, const JobHead& head, const StateEntry& entry, Millis now) {
    const bool end = ended(entry.state);
    const bool queued = entry.state == JobState::kQueued;
    const Millis held = queued && entry.not_before > now ? entry.not_before : 0;
    const bool leased = entry.keeps_lease && head.token != 0;
    // The column is named by us: no text of a user's is in the statement.
    const auto sql = fmt::format(
        "UPDATE jobs SET state = $1, reason = $2, message = $3, retry_class = $4, "
        "entered_{} = $5, not_before = $6, ended_at = $7, worker = $8, lease_token = $9, "
        "lease_until = $10, waiting_since = $11, attempt = $12, losses = $13, "
        "cancel_requested = $14, expected_s = CASE WHEN $15 THEN 0 ELSE expected_s END, "
        "ready = $16, version = version + 1 "
        "WHERE seq = $17 AND version = $18 AND coalesce(lease_token, 0) = $19",
        name_of(entry.state));
    SG_TRY_ASSIGN(const auto changed,
                  db.run(sql,
                         {name_of(entry.state),
                          entry.reason,
                          entry.message,
                          name_of(entry.retry_class),
                          now,
                          held,
                          end ? now : Millis{0},
                          leased ? std::string_view(head.worker) : std::string_view(),
                          leased ? sql::Param(head.token) : sql::Param(nullptr),
                          leased ? head.lease_until : Millis{0},
                          head.waiting_since,
                          head.attempt,
                          head.losses,
                          head.cancel_requested,
                          end,
                          queued && held == 0,
                          head.seq,
                          head.version,
                          head.token}));
    if (changed != 1) return stale_lease(head.id, head.worker, head.token);
    SG_TRY(count_move(db, head.owner, head.state, entry.state));
    auto after = head;
    after.state = entry.state;
    return append_job_event(
        db, after, fmt::format("job.{}", name_of(entry.state)), entry.reason, entry.message, now);
}

Status close_attempt(sql::Connection& db,
                     const JobHead& head,
                     const AttemptOutcome& outcome,
                     Millis now) {
    SG_TRY(
        db.run("UPDATE job_attempts SET ended = $1, outcome = $2, code = $3, message = $4 "
               "WHERE job = $5 AND number = $6 AND ended = 0",
               {now, outcome.outcome, outcome.code, outcome.message, head.seq, head.attempt}));
    return {};
}

Status settle_tasks(sql::Connection& db, const JobHead& head, JobState state, Millis now) {
    if (state == JobState::kQueued) {
        SG_TRY(
            db.run("UPDATE job_tasks SET state = 'waiting', percent = 0, started = 0 "
                   "WHERE job = $1 AND state = 'running'",
                   {head.seq}));
        return {};
    }
    SG_TRY(
        db.run("UPDATE job_tasks SET state = 'cancelled', ended = $1 "
               "WHERE job = $2 AND state IN ('running', 'waiting')",
               {now, head.seq}));
    return {};
}

Status lose_lease(sql::Connection& db, const JobHead& head, Millis now) {
    StateEntry entry;
    entry.reason = "worker_lost";
    auto after = head;
    ++after.losses;
    if (head.cancel_requested) {
        entry.state = JobState::kCancelled;
        entry.reason = "cancelled";
        entry.message = head.cancel_message();
    } else if (after.losses >= kMaxLosses) {
        entry.state = JobState::kFailed;
        entry.retry_class = RetryClass::kBug;
        entry.message = fmt::format(
            "{} workers in a row were lost with this job before any of its tasks was done; the "
            "last was {}",
            after.losses,
            head.worker);
    } else {
        entry.not_before = now + back_off(after.losses);
        entry.retry_class = RetryClass::kTransient;
        entry.message =
            fmt::format("worker {} was lost; the job goes on where it was", head.worker);
    }
    SG_TRY(close_attempt(
        db, head, {"lost", "worker_lost", fmt::format("worker {} was lost", head.worker)}, now));
    SG_TRY(settle_tasks(db, head, entry.state, now));
    return enter(db, after, entry, now);
}

}  // namespace sg::jobs
