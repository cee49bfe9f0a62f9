#include <fmt/format.h>
#include <jobs/idempotency.hpp>

namespace sg::jobs {
namespace {

constexpr Millis kKept = Millis{24} * 3'600'000;
constexpr Millis kLostAfter = 60'000;

struct Known {
    std::string digest;
    Millis started = 0;
    StoredAnswer answer;
};

}  // namespace

Result<std::optional<StoredAnswer>> begin_request(sql::Connection& db,
                                                  const IdempotentRequest& request,
                                                  Millis now) {
    std::optional<Known> known;
    SG_TRY(db.query(
        "SELECT digest, started, status, job, body FROM job_requests WHERE owner = $1 AND key = $2",
        {request.owner, request.key},
        [&](const sql::Row& row) -> Status {
            known = Known{std::string(row.text(0)),
                          row.integer(1),
                          {static_cast<int>(row.integer(2)),
                           std::string(row.text(3)),
                           std::string(row.text(4))}};
            return {};
        }));
    if (known && now - known->started < kKept) {
        const bool running = known->answer.status == 0;
        const bool lost = running && now - known->started >= kLostAfter;
        if (!lost && known->digest != request.digest)
            return Error{Errc::kMismatch,
                         fmt::format("idempotency key {}: it was used for another request; take "
                                     "a new key for a new request",
                                     request.key)};
        if (!lost && running)
            return Error{Errc::kAgain,
                         fmt::format("idempotency key {}: its first request is still being worked "
                                     "on; ask again in a moment",
                                     request.key)};
        if (!lost) return std::optional(std::move(known->answer));
    }
    SG_TRY(
        db.run("INSERT INTO job_requests(owner, key, digest, started) VALUES ($1, $2, $3, $4) "
               "ON CONFLICT(owner, key) DO UPDATE SET digest = excluded.digest, "
               "started = excluded.started, status = 0, job = '', body = ''",
               {request.owner, request.key, request.digest, now}));
    return std::optional<StoredAnswer>();
}

Status finish_request(sql::Connection& db,
                      const IdempotentRequest& request,
                      const StoredAnswer& answer,
                      Millis now) {
    SG_TRY(db.run(
        "INSERT INTO job_requests(owner, key, digest, started, status, job, body) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT(owner, key) DO UPDATE SET "
        "digest = excluded.digest, status = excluded.status, job = excluded.job, "
        "body = excluded.body",
        {request.owner, request.key, request.digest, now, answer.status, answer.job, answer.body}));
    return {};
}

Status forget_request(sql::Connection& db, const IdempotentRequest& request) {
    SG_TRY(db.run(
        "DELETE FROM job_requests WHERE owner = $1 AND key = $2 AND digest = $3 AND status = 0",
        {request.owner, request.key, request.digest}));
    return {};
}

Result<std::int64_t> purge_requests(sql::Connection& db, Millis now, std::int64_t limit) {
    return db.run(
        "DELETE FROM job_requests WHERE (owner, key) IN (SELECT owner, key FROM job_requests "
        "WHERE started <= $1 ORDER BY started LIMIT $2)",
        {now - kKept, limit});
}

}  // namespace sg::jobs
