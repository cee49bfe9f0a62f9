#include <algorithm>
#include <tuple>
#include <utility>

#include <jobs/job_table.hpp>

#include "job_rows.hpp"

namespace sg::jobs {
namespace {

constexpr int kHeldAtOnce = 100;

Candidate candidate_of(const sql::Row& row) {
    Candidate candidate;
    candidate.job = row.text(0);
    candidate.owner = row.text(1);
    candidate.priority = static_cast<Priority>(row.integer(2));
    candidate.deadline = row.integer(3) == kNoDeadline ? 0 : row.integer(3);
    candidate.queued = row.integer(4);
    candidate.expected_s = row.real(5);
    return candidate;
}

#define SG_CANDIDATE "SELECT id, owner, priority, deadline, waiting_since, expected_s FROM jobs "

Result<std::optional<Candidate>> first_of(sql::Connection& db,
                                          std::string_view sql,
                                          std::initializer_list<sql::Param> params) {
    std::optional<Candidate> head;
    SG_TRY(db.query(sql, params, [&](const sql::Row& row) -> Status {
        head = candidate_of(row);
        return {};
    }));
    return head;
}

/// One step in the index jobs_queue: the first job of the next class of the owner, else of the next
/// owner. Two statements: (owner, priority) > ($1, $2) would read all that are equal.
Result<std::optional<Candidate>> next_head(sql::Connection& db, const Candidate& last) {
    SG_TRY_ASSIGN(auto head,
                  first_of(db,
                           SG_CANDIDATE "WHERE ready = 1 AND owner = $1 AND priority > $2 "
                                        "ORDER BY priority, deadline, waiting_since, seq LIMIT 1",
                           {last.owner, static_cast<int>(last.priority)}));
    if (head) return head;
    return first_of(db,
                    SG_CANDIDATE
                    "WHERE ready = 1 AND owner > $1 "
                    "ORDER BY owner, priority, deadline, waiting_since, seq LIMIT 1",
                    {last.owner});
}

}  // namespace

Result<std::vector<Candidate>> candidates(sql::Connection& db, Millis now) {
    std::vector<Candidate> found;
    const auto add = [&](const sql::Row& row) -> Status {
        found.push_back(candidate_of(row));
        return {};
    };
    SG_TRY_ASSIGN(auto head,
                  first_of(db,
                           SG_CANDIDATE "WHERE ready = 1 ORDER BY owner, priority, deadline, "
                                        "waiting_since, seq LIMIT 1",
                           {}));
    while (head) {
        found.push_back(*head);
        // Behind those with deadlines the oldest without one ages, and the scheduler has to see it.
        if (head->deadline != 0)
            SG_TRY(db.query(SG_CANDIDATE "WHERE ready = 1 AND owner = $1 "
                                         "AND priority = $2 AND deadline = $3 "
                                         "ORDER BY waiting_since, seq LIMIT 1",
                            {head->owner, static_cast<int>(head->priority), kNoDeadline},
                            add));
        SG_TRY_ASSIGN(head, next_head(db, *head));
    }
    SG_TRY(db.query(SG_CANDIDATE "WHERE not_before > 0 AND not_before <= $1 "
                                 "ORDER BY not_before LIMIT $2",
                    {now, kHeldAtOnce},
                    add));
    std::stable_sort(found.begin(), found.end(), [](const Candidate& a, const Candidate& b) {
        const auto key = [](const Candidate& each) {
            return std::tuple(-static_cast<int>(each.priority),
                              each.deadline == 0 ? kNoDeadline : each.deadline,
                              each.queued);
        };
        return std::tie(a.owner) < std::tie(b.owner) || (a.owner == b.owner && key(a) < key(b));
    });
    return found;
}

}  // namespace sg::jobs
