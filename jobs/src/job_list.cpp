#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <span>
#include <utility>

#include <jobs/job_table.hpp>

#include "job_rows.hpp"

// A list is the intersection of index ranges that are all in order of seq: each condition is a
// group of cursors (one a state), the group stands at the highest of them, and all groups step down
// together. The work is bounded by the rarest condition and the page, never by the table.

namespace sg::jobs {
namespace {

constexpr std::int64_t kMostAtOnce = 1'000;
constexpr std::int64_t kReadAhead = 32;  // where several conditions must agree

/// Walks one index downwards.
class Cursor {
  public:
    /// `sql` gives seqs that are at most its last but one parameter, highest first, at most as many
    /// as its last one.
    Cursor(const char* sql, std::vector<sql::Param> fixed) : sql_(sql), params_(std::move(fixed)) {
        params_.emplace_back(0);
        params_.emplace_back(0);
    }

    /// The highest seq that is at most `top`; 0: none.
    Result<std::int64_t> at_most(sql::Connection& db, std::int64_t top, std::int64_t ahead) {
        while (next_ < buffer_.size() && buffer_[next_] > top) ++next_;
        if (next_ < buffer_.size()) return buffer_[next_];
        if (exhausted_) return 0;
        buffer_.clear();
        next_ = 0;
        params_[params_.size() - 2] = top;
        params_[params_.size() - 1] = ahead;
        SG_TRY(db.query_span(sql_, params_, [&](const sql::Row& row) -> Status {
            buffer_.push_back(row.integer(0));
            return {};
        }));
        exhausted_ = static_cast<std::int64_t>(buffer_.size()) < ahead;
        return buffer_.empty() ? 0 : buffer_.front();
    }

  private:
    const char* sql_;
    std::vector<sql::Param> params_;
    std::vector<std::int64_t> buffer_;
    std::size_t next_ = 0;
    bool exhausted_ = false;
};

using Group = std::vector<Cursor>;

std::vector<Group> groups_of(const JobFilter& filter) {
    std::vector<Group> groups;
    if (filter.tag)
        groups.push_back(
            {{"SELECT job FROM job_tags WHERE name = $1 AND value = $2 AND job <= $3 "
              "ORDER BY job DESC LIMIT $4",
              {filter.tag->first, filter.tag->second}}});
    if (!filter.external_id.empty())
        groups.push_back(
            {{"SELECT seq FROM jobs WHERE external_id = $1 AND external_id <> '' "
              "AND seq <= $2 ORDER BY seq DESC LIMIT $3",
              {filter.external_id}}});
    Group states;
    for (const auto state : filter.states) {
        if (filter.owner.empty())
            states.emplace_back(
                "SELECT seq FROM jobs WHERE state = $1 AND seq <= $2 ORDER BY seq DESC LIMIT $3",
                std::vector<sql::Param>{name_of(state)});
        else
            states.emplace_back(
                "SELECT seq FROM jobs WHERE owner = $1 AND state = $2 AND seq <= $3 "
                "ORDER BY seq DESC LIMIT $4",
                std::vector<sql::Param>{filter.owner, name_of(state)});
    }
    if (!states.empty())
        groups.push_back(std::move(states));
    else if (!filter.owner.empty())
        groups.push_back(
            {{"SELECT seq FROM jobs WHERE owner = $1 AND seq <= $2 "
              "ORDER BY seq DESC LIMIT $3",
              {filter.owner}}});
    if (groups.empty())
        groups.push_back({{"SELECT seq FROM jobs WHERE seq <= $1 ORDER BY seq DESC LIMIT $2", {}}});
    return groups;
}

struct Bounds {
    std::int64_t top = std::numeric_limits<std::int64_t>::max();
    std::int64_t bottom = 1;
};

/// Seqs that can have been created in the asked time. The wall clock may have stepped back:
/// clock_high grows with seq all the same, and is above a job's time by the largest step at most.
Result<Bounds> bounds_of(sql::Connection& db, const JobFilter& filter) {
    Bounds bounds;
    if (filter.before_seq > 0) bounds.top = filter.before_seq - 1;
    constexpr auto kFirstAt =
        "SELECT seq FROM jobs WHERE clock_high >= $1 ORDER BY clock_high, seq LIMIT 1";
    if (filter.created_from > 0) {
        SG_TRY_ASSIGN(const auto first, db.number(kFirstAt, {filter.created_from}));
        bounds.bottom = first == 0 ? std::numeric_limits<std::int64_t>::max() : first;
    }
    if (filter.created_to > 0) {
        SG_TRY_ASSIGN(const auto step,
                      db.number("SELECT coalesce(max(clock_high - created), 0) FROM jobs "
                                "WHERE clock_high > created",
                                {}));
        const auto room = std::numeric_limits<Millis>::max() - filter.created_to;
        SG_TRY_ASSIGN(const auto beyond,
                      db.number(kFirstAt, {filter.created_to + std::min(step, room)}));
        if (beyond > 0) bounds.top = std::min(bounds.top, beyond - 1);
    }
    return bounds;
}

class Walk {
  public:
    Walk(std::vector<Group> groups, Bounds bounds) : groups_(std::move(groups)), at_(bounds) {}

    /// Up to `count` more; fewer at the end.
    Result<std::vector<std::int64_t>> next(sql::Connection& db, std::int64_t count) {
        std::vector<std::int64_t> found;
        const auto ahead = groups_.size() == 1 ? count : kReadAhead;
        while (static_cast<std::int64_t>(found.size()) < count && at_.top >= at_.bottom) {
            SG_TRY_ASSIGN(const auto agreed, agree(db, ahead));
            if (agreed < at_.bottom) {
                at_.top = 0;
                break;
            }
            found.push_back(agreed);
            at_.top = agreed - 1;
        }
        return found;
    }

  private:
    /// The highest seq that is in all groups; 0: none.
    Result<std::int64_t> agree(sql::Connection& db, std::int64_t ahead) {
        auto candidate = at_.top;
        for (std::size_t same = 0; same < groups_.size();) {
            std::int64_t highest = 0;
            for (auto& cursor : groups_[turn_]) {
                SG_TRY_ASSIGN(const auto seq, cursor.at_most(db, candidate, ahead));
                highest = std::max(highest, seq);
            }
            if (highest < at_.bottom) return 0;
            same = highest == candidate ? same + 1 : 1;
            candidate = highest;
            turn_ = (turn_ + 1) % groups_.size();
        }
        return candidate;
    }

    std::vector<Group> groups_;
    Bounds at_;
    std::size_t turn_ = 0;
};

bool in_time(const Job& job, const JobFilter& filter) {
    if (job.created < filter.created_from) return false;
    return filter.created_to <= 0 || job.created < filter.created_to;
}

}  // namespace

Result<std::vector<Job>> list_jobs(sql::Connection& db, const JobFilter& filter) {
    const auto limit = std::clamp<std::int64_t>(filter.limit, 1, kMostAtOnce);
    SG_TRY_ASSIGN(const auto bounds, bounds_of(db, filter));
    Walk walk(groups_of(filter), bounds);
    std::vector<Job> page;
    for (;;) {
        const auto wanted = limit - static_cast<std::int64_t>(page.size());
        SG_TRY_ASSIGN(const auto seqs, walk.next(db, wanted));
        SG_TRY_ASSIGN(auto jobs, load_jobs(db, seqs));
        for (auto& job : jobs)
            if (in_time(job, filter)) page.push_back(std::move(job));
        const bool end = static_cast<std::int64_t>(seqs.size()) < wanted;
        if (end || static_cast<std::int64_t>(page.size()) >= limit) return page;
    }
}

}  // namespace sg::jobs
