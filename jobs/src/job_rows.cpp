#include "job_rows.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace sg::jobs {
namespace {

// One statement for any number of jobs up to this, so that it stays compiled; unused places are -1,
// which is no job.
constexpr std::size_t kAtOnce = 64;

constexpr std::array kStates{JobState::kAccepted,
                             JobState::kQueued,
                             JobState::kPlanning,
                             JobState::kRunning,
                             JobState::kVerifying,
                             JobState::kPublishing,
                             JobState::kSucceeded,
                             JobState::kFailed,
                             JobState::kCancelled};

std::string placeholders() {
    std::string text;
    for (std::size_t i = 1; i <= kAtOnce; ++i) text += fmt::format("{}${}", i == 1 ? "" : ", ", i);
    return text;
}

const std::string& jobs_sql() {
    static const std::string text =
        "SELECT j.seq, j.id, j.owner, j.preset, j.external_id, j.priority, j.deadline, j.state, "
        "j.reason, j.message, j.retry_class, j.created, j.not_before, j.cancel_requested, "
        "j.expected_s, j.percent, j.worker, j.version, j.outputs_bytes, j.outputs_deleted, "
        "d.document, d.tags, d.traceparent, d.result, "
        "j.entered_accepted, j.entered_queued, j.entered_planning, j.entered_running, "
        "j.entered_verifying, j.entered_publishing, j.entered_succeeded, j.entered_failed, "
        "j.entered_cancelled "
        "FROM jobs j JOIN job_documents d ON d.job = j.seq WHERE j.seq IN (" +
        placeholders() + ")";
    return text;
}

const std::string& attempts_sql() {
    static const std::string text =
        "SELECT job, number, worker, started, ended, outcome, code, message FROM job_attempts "
        "WHERE job IN (" +
        placeholders() + ") ORDER BY job, number";
    return text;
}

Job job_of(const sql::Row& row) {
    Job job;
    job.seq = row.integer(0);
    job.id = row.text(1);
    job.owner = row.text(2);
    job.preset = row.text(3);
    job.external_id = row.text(4);
    job.priority = static_cast<Priority>(row.integer(5));
    job.deadline = row.integer(6) == kNoDeadline ? 0 : row.integer(6);
    job.state = job_state(row.text(7)).value_or(JobState::kFailed);
    job.reason = row.text(8);
    job.message = row.text(9);
    job.retry_class = retry_class(row.text(10)).value_or(RetryClass::kNone);
    job.created = row.integer(11);
    job.not_before = row.integer(12);
    job.cancel_requested = row.integer(13) != 0;
    job.expected_s = row.real(14);
    job.percent = row.real(15);
    job.worker = row.text(16);
    job.version = row.integer(17);
    job.outputs_bytes = row.integer(18);
    job.outputs_deleted = row.integer(19);
    job.document = row.text(20);
    job.tags = tags_from_json(row.text(21));
    job.traceparent = row.text(22);
    job.result = row.text(23);
    int column = 24;
    for (const auto state : kStates)
        if (const auto entered = row.integer(column++); entered > 0)
            job.entered.emplace(name_of(state), entered);
    return job;
}

Status load_some(sql::Connection& db,
                 std::span<const std::int64_t> seqs,
                 std::vector<Job>& into,
                 std::unordered_map<std::int64_t, std::vector<Attempt>>& attempts) {
    std::vector<sql::Param> params(kAtOnce, sql::Param(-1));
    for (std::size_t i = 0; i < seqs.size(); ++i) params[i] = seqs[i];
    SG_TRY(db.query_span(jobs_sql(), params, [&](const sql::Row& row) -> Status {
        into.push_back(job_of(row));
        return {};
    }));
    SG_TRY(db.query_span(attempts_sql(), params, [&](const sql::Row& row) -> Status {
        attempts[row.integer(0)].push_back({row.integer(1),
                                            std::string(row.text(2)),
                                            row.integer(3),
                                            row.integer(4),
                                            std::string(row.text(5)),
                                            std::string(row.text(6)),
                                            std::string(row.text(7))});
        return {};
    }));
    return {};
}

}  // namespace

Result<std::vector<JobHead>> find_heads(sql::Connection& db,
                                        std::string_view where,
                                        std::initializer_list<sql::Param> params) {
    std::vector<JobHead> heads;
    const auto sql = fmt::format(
        "SELECT seq, id, owner, state, attempt, losses, cancel_requested, worker, lease_token, "
        "lease_until, not_before, waiting_since, entered_queued, version, message FROM jobs WHERE "
        "{}",
        where);
    SG_TRY(db.query(sql, params, [&](const sql::Row& row) -> Status {
        JobHead head;
        head.seq = row.integer(0);
        head.id = row.text(1);
        head.owner = row.text(2);
        head.state = job_state(row.text(3)).value_or(JobState::kFailed);
        head.attempt = row.integer(4);
        head.losses = row.integer(5);
        head.cancel_requested = row.integer(6) != 0;
        head.worker = row.text(7);
        head.token = row.integer(8);
        head.lease_until = row.integer(9);
        head.not_before = row.integer(10);
        head.waiting_since = row.integer(11);
        head.entered_queued = row.integer(12);
        head.version = row.integer(13);
        head.message = row.text(14);
        heads.push_back(std::move(head));
        return {};
    }));
    return heads;
}

Result<JobHead> find_head(sql::Connection& db, std::string_view id) {
    SG_TRY_ASSIGN(auto heads, find_heads(db, "id = $1", {id}));
    if (heads.empty()) return Error{Errc::kNotFound, fmt::format("there is no job {}", id)};
    return std::move(heads.front());
}

Result<std::vector<Job>> load_jobs(sql::Connection& db, const std::vector<std::int64_t>& seqs) {
    std::vector<Job> jobs;
    jobs.reserve(seqs.size());
    std::unordered_map<std::int64_t, std::vector<Attempt>> attempts;
    for (std::size_t i = 0; i < seqs.size(); i += kAtOnce) {
        const auto count = std::min(kAtOnce, seqs.size() - i);
        SG_TRY(load_some(db, std::span(seqs).subspan(i, count), jobs, attempts));
    }
    for (auto& job : jobs)
        if (const auto found = attempts.find(job.seq); found != attempts.end())
            job.attempts = std::move(found->second);
    std::sort(jobs.begin(), jobs.end(), [](const Job& a, const Job& b) { return a.seq > b.seq; });
    return jobs;
}

std::string tags_to_json(const std::map<std::string, std::string>& tags) {
    return nlohmann::json(tags).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::map<std::string, std::string> tags_from_json(std::string_view text) {
    std::map<std::string, std::string> tags;
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (!json.is_object()) return tags;
    for (const auto& [name, value] : json.items())
        if (value.is_string()) tags.emplace(name, value.get<std::string>());
    return tags;
}

}  // namespace sg::jobs
