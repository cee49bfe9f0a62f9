#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "webhook_table.hpp"

namespace sg::api {
namespace {

#define SG_DELIVERY_COLUMNS                                                               \
    "SELECT id, endpoint, seq, event_id, type, subject, body, state, attempts, created, " \
    "next_at, last_at, status, error, took_ms, event_time FROM webhook_deliveries "

WebhookDelivery delivery_of(const sql::Row& row) {
    WebhookDelivery out;
    out.id = row.text(0);
    out.endpoint = row.text(1);
    out.seq = row.integer(2);
    out.event_id = row.text(3);
    out.type = row.text(4);
    out.subject = row.text(5);
    out.body = row.text(6);
    out.state = row.text(7);
    out.attempts = row.integer(8);
    out.created = row.integer(9);
    out.next_at = row.integer(10);
    out.last_at = row.integer(11);
    out.status = row.integer(12);
    out.error = row.text(13);
    out.took_ms = row.integer(14);
    out.event_time = row.integer(15);
    return out;
}

Result<std::vector<WebhookDelivery>> read(sql::Connection& db,
                                          std::string_view sql,
                                          std::span<const sql::Param> params) {
    std::vector<WebhookDelivery> out;
    SG_TRY(db.query_span(sql, params, [&](const sql::Row& row) -> Status {
        out.push_back(delivery_of(row));
        return {};
    }));
    return out;
}

Result<bool> any_open(sql::Connection& db, std::string_view endpoint, std::string_view subject) {
    SG_TRY_ASSIGN(const auto rows,
                  db.query("SELECT 1 FROM webhook_deliveries WHERE endpoint = $1 AND subject = $2 "
                           "AND state IN ('waiting', 'blocked') LIMIT 1",
                           {endpoint, subject},
                           [](const sql::Row&) -> Status { return {}; }));
    return rows > 0;
}

/// The oldest open one of a subject waits, whatever it was before; others are blocked.
Status put_in_order(sql::Connection& db,
                    std::string_view endpoint,
                    std::string_view subject,
                    Millis now) {
    std::string first;
    std::string state;
    SG_TRY(
        db.query("SELECT id, state FROM webhook_deliveries WHERE endpoint = $1 AND subject = $2 "
                 "AND state IN ('waiting', 'blocked') ORDER BY seq, id LIMIT 1",
                 {endpoint, subject},
                 [&](const sql::Row& row) -> Status {
                     first = row.text(0);
                     state = row.text(1);
                     return {};
                 }));
    if (first.empty() || state == "waiting") return {};
    SG_TRY(
        db.run("UPDATE webhook_deliveries SET state = 'blocked' WHERE endpoint = $1 AND "
               "subject = $2 AND state = 'waiting'",
               {endpoint, subject}));
    SG_TRY(db.run("UPDATE webhook_deliveries SET state = 'waiting', next_at = $1 WHERE id = $2",
                  {now, first}));
    return {};
}

Status replay(sql::Connection& db, const WebhookDelivery& delivery, Millis now) {
    SG_TRY(
        db.run("UPDATE webhook_deliveries SET state = 'blocked', attempts = 0, created = $1, "
               "error = '' WHERE id = $2",
               {now, delivery.id}));
    return put_in_order(db, delivery.endpoint, delivery.subject, now);
}

}  // namespace

Status add_delivery(sql::Connection& db, WebhookDelivery delivery) {
    SG_TRY_ASSIGN(const bool behind, any_open(db, delivery.endpoint, delivery.subject));
    SG_TRY(
        db.run("INSERT INTO webhook_deliveries(id, endpoint, seq, event_id, type, subject, body, "
               "state, attempts, created, next_at, last_at, status, error, took_ms, event_time) "
               "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, $10, 0, 0, '', 0, $11) "
               "ON CONFLICT (endpoint, event_id) DO NOTHING",
               {delivery.id,
                delivery.endpoint,
                delivery.seq,
                delivery.event_id,
                delivery.type,
                delivery.subject,
                delivery.body,
                behind ? "blocked" : "waiting",
                delivery.created,
                delivery.next_at,
                delivery.event_time}));
    return {};
}

Result<WebhookDelivery> find_delivery(sql::Connection& db,
                                      std::string_view endpoint,
                                      std::string_view id) {
    const std::vector<sql::Param> params{id, endpoint};
    SG_TRY_ASSIGN(auto found,
                  read(db, SG_DELIVERY_COLUMNS "WHERE id = $1 AND endpoint = $2", params));
    if (found.empty()) {
        return Error{Errc::kNotFound, fmt::format("the webhook has no delivery {}", id)};
    }
    return std::move(found.front());
}

Result<std::vector<WebhookDelivery>> list_deliveries(sql::Connection& db,
                                                     const DeliveryFilter& filter) {
    std::string sql = SG_DELIVERY_COLUMNS "WHERE endpoint = $1";
    std::vector<sql::Param> params{filter.endpoint};
    if (!filter.state.empty()) {
        params.emplace_back(filter.state);
        sql += fmt::format(" AND state = ${}", params.size());
    }
    if (!filter.before.empty()) {
        params.emplace_back(filter.before);
        sql += fmt::format(" AND id < ${}", params.size());
    }
    params.emplace_back(filter.limit);
    sql += fmt::format(" ORDER BY id DESC LIMIT ${}", params.size());
    return read(db, sql, params);
}

Result<std::vector<WebhookDelivery>> due_deliveries(sql::Connection& db,
                                                    std::string_view endpoint,
                                                    Millis now,
                                                    std::int64_t limit) {
    const std::vector<sql::Param> params{endpoint, now, limit};
    return read(db,
                SG_DELIVERY_COLUMNS
                "WHERE endpoint = $1 AND state = 'waiting' AND next_at <= $2 "
                "ORDER BY next_at, seq LIMIT $3",
                params);
}

Result<Millis> next_due(sql::Connection& db, std::string_view endpoint, Millis now) {
    return db.number(
        "SELECT next_at FROM webhook_deliveries WHERE endpoint = $1 AND state = "
        "'waiting' AND next_at > $2 ORDER BY next_at LIMIT 1",
        {endpoint, now});
}

Result<std::vector<std::string>> endpoints_with_work(sql::Connection& db) {
    std::vector<std::string> out;
    SG_TRY(db.query("SELECT DISTINCT endpoint FROM webhook_deliveries WHERE state = 'waiting'",
                    {},
                    [&](const sql::Row& row) -> Status {
                        out.emplace_back(row.text(0));
                        return {};
                    }));
    return out;
}

Status finish_attempt(sql::Connection& db, const WebhookDelivery& delivery, Millis now) {
    SG_TRY_ASSIGN(
        const auto changed,
        db.run("UPDATE webhook_deliveries SET state = $1, attempts = $2, next_at = $3, last_at = "
               "$4, status = $5, error = $6, took_ms = $7 WHERE id = $8 AND state = 'waiting'",
               {delivery.state,
                delivery.attempts,
                delivery.next_at,
                now,
                delivery.status,
                delivery.error,
                delivery.took_ms,
                delivery.id}));
    if (changed == 0 || delivery.state == "waiting") return {};
    return put_in_order(db, delivery.endpoint, delivery.subject, now);
}

Status note_attempt(sql::Connection& db,
                    const WebhookDelivery& delivery,
                    bool delivered,
                    Millis now) {
    SG_TRY(
        db.run("UPDATE webhook_endpoints SET failures = CASE WHEN $1 = 1 THEN 0 ELSE failures + "
               "1 END, last_status = $2, last_error = $3, last_at = $4 WHERE id = $5",
               {delivered, delivery.status, delivery.error, now, delivery.endpoint}));
    return {};
}

Status bury_waiting(sql::Connection& db,
                    std::string_view endpoint,
                    std::string_view why,
                    Millis now) {
    SG_TRY(
        db.run("UPDATE webhook_deliveries SET state = 'dead', error = $1, last_at = $2 WHERE "
               "endpoint = $3 AND state IN ('waiting', 'blocked')",
               {why, now, endpoint}));
    return {};
}

Result<std::int64_t> replay_range(sql::Connection& db,
                                  std::string_view endpoint,
                                  const ReplayRange& range,
                                  Millis now) {
    const std::vector<sql::Param> params{endpoint, range.from, range.to, range.delivered};
    SG_TRY_ASSIGN(
        const auto found,
        read(db,
             SG_DELIVERY_COLUMNS
             "WHERE endpoint = $1 AND event_time >= $2 AND event_time < $3 AND (state = 'dead' "
             "OR ($4 = 1 AND state = 'delivered')) ORDER BY seq, id",
             params));
    for (const auto& delivery : found) SG_TRY(replay(db, delivery, now));
    return static_cast<std::int64_t>(found.size());
}

Status replay_delivery(sql::Connection& db,
                       std::string_view endpoint,
                       std::string_view id,
                       Millis now) {
    SG_TRY_ASSIGN(const auto found, find_delivery(db, endpoint, id));
    if (found.state != "dead" && found.state != "delivered") return {};
    return replay(db, found, now);
}

Result<std::int64_t> purge_deliveries(sql::Connection& db,
                                      Millis delivered_before,
                                      Millis dead_before,
                                      std::int64_t limit) {
    constexpr std::string_view kPurge =
        "DELETE FROM webhook_deliveries WHERE id IN (SELECT id FROM webhook_deliveries WHERE state "
        "= $1 AND last_at < $2 LIMIT $3)";
    SG_TRY_ASSIGN(const auto delivered, db.run(kPurge, {"delivered", delivered_before, limit}));
    SG_TRY_ASSIGN(const auto dead, db.run(kPurge, {"dead", dead_before, limit}));
    // Addresses of documents that nothing is kept of any more: there may be one for each job.
    SG_TRY(
        db.run("DELETE FROM webhook_endpoints WHERE id IN (SELECT e.id FROM webhook_endpoints e "
               "WHERE e.kind = 'notify' AND e.created < $1 AND NOT EXISTS (SELECT 1 FROM "
               "webhook_deliveries d WHERE d.endpoint = e.id) LIMIT $2)",
               {delivered_before, limit}));
    return delivered + dead;
}

Result<std::int64_t> count_deliveries(sql::Connection& db, std::string_view state) {
    return db.number("SELECT count(*) FROM webhook_deliveries WHERE state = $1", {state});
}

}  // namespace sg::api
