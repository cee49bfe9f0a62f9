#include <algorithm>
#include <array>
#include <cstddef>
#include <unordered_map>

#include <fmt/format.h>
#include <jobs/job_table.hpp>

#include "counters.hpp"
#include "job_changes.hpp"
#include "job_rows.hpp"

namespace sg::jobs {
namespace {

constexpr std::size_t kLeasesAtOnce = 64;
constexpr std::int64_t kExpiredAtOnce = 500;

const std::string& renewal_sql() {
    static const std::string text = [] {
        std::string sql =
            "UPDATE jobs SET lease_until = CASE WHEN lease_until < $1 THEN $1 ELSE lease_until END "
            "WHERE lease_token IN (";
        for (std::size_t i = 0; i < kLeasesAtOnce; ++i)
            sql += fmt::format("{}${}", i == 0 ? "" : ", ", i + 2);
        return sql + ") RETURNING id, cancel_requested";
    }();
    return text;
}

bool to_be_had(const JobHead& head, Millis now) {
    if (head.state == JobState::kQueued) return head.not_before <= now;
    return head.token != 0 && head.lease_until <= now;
}

}  // namespace

Result<Lease> take_lease(
    sql::Connection& db, std::string_view job, std::string_view worker, Millis now, Millis until) {
    const auto gone = [&] {
        return Error{Errc::kNotFound, fmt::format("take job {}: it is not to be had", job)};
    };
    SG_TRY_ASSIGN(auto head, find_head(db, job));
    if (!to_be_had(head, now)) return gone();
    if (head.token != 0) {
        SG_TRY(lose_lease(db, head, now));
        SG_TRY_ASSIGN(head, find_head(db, job));
        if (!to_be_had(head, now)) return gone();
    }
    SG_TRY_ASSIGN(const auto token, next_number(db, "lease"));
    ++head.attempt;
    StateEntry entry;
    entry.state = JobState::kPlanning;
    // The lease first: what enter() keeps is what the row has.
    SG_TRY(db.run("UPDATE jobs SET lease_token = $1 WHERE seq = $2 AND lease_token IS NULL",
                  {token, head.seq}));
    head.token = token;
    head.worker = worker;
    head.lease_until = until;
    entry.keeps_lease = true;
    SG_TRY(enter(db, head, entry, now));
    SG_TRY(db.run("INSERT INTO job_attempts(job, number, worker, started) VALUES ($1, $2, $3, $4)",
                  {head.seq, head.attempt, worker, now}));
    return Lease{head.id, head.worker, token, until};
}

Result<Renewal> renew_leases(sql::Connection& db, const std::vector<Lease>& leases, Millis until) {
    Renewal renewal;
    for (std::size_t first = 0; first < leases.size(); first += kLeasesAtOnce) {
        const auto count = std::min(kLeasesAtOnce, leases.size() - first);
        std::vector<sql::Param> params(kLeasesAtOnce + 1, sql::Param(-1));
        params[0] = until;
        std::unordered_map<std::string_view, bool> renewed;
        for (std::size_t i = 0; i < count; ++i) {
            params[i + 1] = leases[first + i].token;
            renewed.emplace(leases[first + i].job, false);
        }
        SG_TRY(db.query_span(renewal_sql(), params, [&](const sql::Row& row) -> Status {
            if (const auto found = renewed.find(row.text(0)); found != renewed.end())
                found->second = true;
            if (row.integer(1) != 0) renewal.cancel_requested.emplace_back(row.text(0));
            return {};
        }));
        for (const auto& [job, still] : renewed)
            if (!still) renewal.lost.emplace_back(job);
    }
    return renewal;
}

Result<std::vector<std::string>> expire_leases(sql::Connection& db,
                                               Millis now,
                                               std::string_view only_worker) {
    SG_TRY_ASSIGN(
        const auto heads,
        only_worker.empty()
            ? find_heads(db,
                         "lease_token IS NOT NULL AND lease_until <= $1 "
                         "ORDER BY lease_until LIMIT $2",
                         {now, kExpiredAtOnce})
            : find_heads(db,
                         "lease_token IS NOT NULL AND worker = $1 ORDER BY lease_token LIMIT $2",
                         {only_worker, kExpiredAtOnce}));
    std::vector<std::string> ids;
    for (const auto& head : heads) {
        SG_TRY(lose_lease(db, head, now));
        ids.push_back(head.id);
    }
    return ids;
}

Result<std::vector<std::string>> lease_holders(sql::Connection& db) {
    std::vector<std::string> workers;
    SG_TRY(
        db.query("SELECT DISTINCT worker FROM jobs WHERE lease_token IS NOT NULL ORDER BY worker",
                 {},
                 [&](const sql::Row& row) -> Status {
                     workers.emplace_back(row.text(0));
                     return {};
                 }));
    return workers;
}

}  // namespace sg::jobs
