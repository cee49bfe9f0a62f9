#include <utility>

#include <fmt/format.h>
#include <jobs/job_table.hpp>

#include "counters.hpp"
#include "job_changes.hpp"
#include "job_rows.hpp"

namespace sg::jobs {
namespace {

Result<Millis> clock_high(sql::Connection& db) {
    return db.number("SELECT coalesce(max(clock_high), 0) FROM jobs");
}

}  // namespace

Status insert_job(sql::Connection& db, const Job& job) {
    if (job.state != JobState::kAccepted && job.state != JobState::kQueued)
        return Error{Errc::kInternal, "a new job is accepted or queued"};
    const bool queued = job.state == JobState::kQueued;
    SG_TRY_ASSIGN(const auto high, clock_high(db));
    SG_TRY_ASSIGN(const auto seq, next_number(db, "job"));
    SG_TRY(db.run(
        "INSERT INTO jobs(seq, id, owner, preset, external_id, priority, deadline, state, reason, "
        "message, retry_class, created, clock_high, entered_accepted, entered_queued, "
        "waiting_since, expected_s, ready) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
        "'none', "
        "$11, $12, $13, $14, $15, $16, $17)",
        {seq,
         job.id,
         job.owner,
         job.preset,
         job.external_id,
         static_cast<int>(job.priority),
         job.deadline > 0 ? job.deadline : kNoDeadline,
         name_of(job.state),
         job.reason,
         job.message,
         job.created,
         std::max(high, job.created),
         job.created,
         queued ? job.created : Millis{0},
         job.created,
         job.expected_s,
         queued}));
    SG_TRY(
        db.run("INSERT INTO job_documents(job, document, tags, traceparent, result) "
               "VALUES ($1, $2, $3, $4, '')",
               {seq, job.document, tags_to_json(job.tags), job.traceparent}));
    for (const auto& [name, value] : job.tags)
        SG_TRY(db.run("INSERT INTO job_tags(name, value, job) VALUES ($1, $2, $3)",
                      {name, value, seq}));
    SG_TRY(count_move(db, job.owner, std::nullopt, job.state));
    JobHead head;
    head.id = job.id;
    head.owner = job.owner;
    SG_TRY(append_job_event(db,
                            head,
                            "job.accepted",
                            queued ? "" : job.reason,
                            queued ? "" : job.message,
                            job.created));
    if (!queued) return {};
    head.state = JobState::kQueued;
    return append_job_event(db, head, "job.queued", job.reason, job.message, job.created);
}

Result<Job> find_job(sql::Connection& db, std::string_view id, std::string_view owner) {
    std::vector<std::int64_t> seqs;
    SG_TRY(db.query("SELECT seq FROM jobs WHERE id = $1 AND ($2 = '' OR owner = $2)",
                    {id, owner},
                    [&](const sql::Row& row) -> Status {
                        seqs.push_back(row.integer(0));
                        return {};
                    }));
    SG_TRY_ASSIGN(auto jobs, load_jobs(db, seqs));
    if (jobs.empty()) return Error{Errc::kNotFound, fmt::format("there is no job {}", id)};
    return std::move(jobs.front());
}

Result<std::vector<Task>> tasks_of(sql::Connection& db, std::string_view job) {
    std::vector<Task> tasks;
    SG_TRY(db.query(
        "SELECT t.input, t.name, t.state, t.attempt, t.worker, t.started, t.ended, t.expected_s, "
        "t.media_s, t.speed, t.percent, t.code, t.message FROM jobs j JOIN job_tasks t "
        "ON t.job = j.seq WHERE j.id = $1 ORDER BY t.input, t.started = 0, t.started, t.name",
        {job},
        [&](const sql::Row& row) -> Status {
            Task task;
            task.job = job;
            task.input = row.integer(0);
            task.name = row.text(1);
            task.state = task_state(row.text(2)).value_or(TaskState::kFailed);
            task.attempt = row.integer(3);
            task.worker = row.text(4);
            task.started = row.integer(5);
            task.ended = row.integer(6);
            task.expected_s = row.real(7);
            task.media_s = row.real(8);
            task.speed = row.real(9);
            task.percent = row.real(10);
            task.code = row.text(11);
            task.message = row.text(12);
            tasks.push_back(std::move(task));
            return {};
        }));
    return tasks;
}

Result<QueueTotals> queue_totals(sql::Connection& db) {
    QueueTotals totals;
    SG_TRY(db.query("SELECT state, jobs FROM job_totals", {}, [&](const sql::Row& row) -> Status {
        if (const auto state = job_state(row.text(0))) totals.jobs[*state] = row.integer(1);
        return {};
    }));
    // Two parts, each in an index that holds what is summed.
    SG_TRY(
        db.query("SELECT (SELECT coalesce(sum(expected_s), 0.0) FROM jobs "
                 "WHERE ready = 1) + "
                 "(SELECT coalesce(sum(expected_s), 0.0) FROM jobs "
                 "WHERE not_before > 0)",
                 {},
                 [&](const sql::Row& row) -> Status {
                     totals.waiting_s = row.real(0);
                     return {};
                 }));
    return totals;
}

Result<std::int64_t> open_jobs(sql::Connection& db, std::string_view owner) {
    return db.number("SELECT open FROM job_owners WHERE owner = $1", {owner});
}

Result<std::optional<std::int64_t>> queue_position(sql::Connection& db, const Job& job) {
    std::optional<std::int64_t> position;
    SG_TRY(
        db.query("SELECT (SELECT count(*) FROM jobs WHERE ready = 1 AND priority > me.priority) + "
                 "(SELECT count(*) FROM jobs WHERE ready = 1 AND priority = me.priority AND "
                 "(deadline, waiting_since, seq) < "
                 "(me.deadline, me.waiting_since, me.seq)) "
                 "FROM jobs me WHERE me.id = $1 AND me.state = 'queued'",
                 {job.id},
                 [&](const sql::Row& row) -> Status {
                     position = row.integer(0);
                     return {};
                 }));
    return position;
}

Result<std::vector<std::string>> purge_jobs(sql::Connection& db,
                                            Millis ended_before,
                                            std::int64_t limit) {
    struct Old {
        std::int64_t seq;
        std::string owner;
        JobState state;
        std::string tags;
    };
    std::vector<Old> old;
    std::vector<std::string> ids;
    SG_TRY(
        db.query("SELECT j.seq, j.id, j.state, d.tags, j.owner FROM jobs j JOIN job_documents d ON "
                 "d.job = j.seq "
                 "WHERE j.ended_at > 0 AND j.ended_at < $1 ORDER BY j.ended_at LIMIT $2",
                 {ended_before, limit},
                 [&](const sql::Row& row) -> Status {
                     old.push_back({row.integer(0),
                                    std::string(row.text(4)),
                                    job_state(row.text(2)).value_or(JobState::kFailed),
                                    std::string(row.text(3))});
                     ids.emplace_back(row.text(1));
                     return {};
                 }));
    for (const auto& job : old) {
        for (const auto& [name, value] : tags_from_json(job.tags))
            SG_TRY(db.run("DELETE FROM job_tags WHERE name = $1 AND value = $2 AND job = $3",
                          {name, value, job.seq}));
        SG_TRY(db.run("DELETE FROM jobs WHERE seq = $1", {job.seq}));
        SG_TRY(count_move(db, job.owner, job.state, std::nullopt));
    }
    return ids;
}

}  // namespace sg::jobs
