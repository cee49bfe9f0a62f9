#include "webhook_table.hpp"

#include <utility>

#include <fmt/format.h>

#include <base/clock.hpp>
#include <base/ids.hpp>

#include "event_filter.hpp"

namespace sg::api {
namespace {

#define SG_ENDPOINT_COLUMNS                                                                     \
    "id, owner, kind, url, description, types, all_owners, secret, old_secret, old_until, "     \
    "enabled, disabled_reason, from_seq, failures, last_status, last_error, last_at, created, " \
    "updated, version "

WebhookEndpoint endpoint_of(const sql::Row& row) {
    WebhookEndpoint out;
    out.id = row.text(0);
    out.owner = row.text(1);
    out.kind = row.text(2);
    out.url = row.text(3);
    out.description = row.text(4);
    out.types = split_list(row.text(5));
    out.all_owners = row.integer(6) != 0;
    out.secret = row.text(7);
    out.old_secret = row.text(8);
    out.old_until = row.integer(9);
    out.enabled = row.integer(10) != 0;
    out.disabled_reason = row.text(11);
    out.from_seq = row.integer(12);
    out.failures = row.integer(13);
    out.last_status = row.integer(14);
    out.last_error = row.text(15);
    out.last_at = row.integer(16);
    out.created = row.integer(17);
    out.updated = row.integer(18);
    out.version = row.integer(19);
    return out;
}

std::string joined(const std::vector<std::string>& list) {
    return fmt::format("{}", fmt::join(list, ","));
}

}  // namespace

Status insert_endpoint(sql::Connection& db, const WebhookEndpoint& endpoint) {
    SG_TRY(
        db.run("INSERT INTO webhook_endpoints(id, owner, kind, url, description, types, "
               "all_owners, secret, old_secret, old_until, enabled, disabled_reason, from_seq, "
               "created, updated, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
               "$11, $12, $13, $14, $15, $16)",
               {endpoint.id,
                endpoint.owner,
                endpoint.kind,
                endpoint.url,
                endpoint.description,
                joined(endpoint.types),
                endpoint.all_owners,
                endpoint.secret,
                endpoint.old_secret,
                endpoint.old_until,
                endpoint.enabled,
                endpoint.disabled_reason,
                endpoint.from_seq,
                endpoint.created,
                endpoint.updated,
                endpoint.version}));
    return {};
}

Result<WebhookEndpoint> find_endpoint(sql::Connection& db,
                                      std::string_view id,
                                      std::string_view owner) {
    std::optional<WebhookEndpoint> found;
    SG_TRY(db.query("SELECT " SG_ENDPOINT_COLUMNS "FROM webhook_endpoints WHERE id = $1",
                    {id},
                    [&](const sql::Row& row) -> Status {
                        found = endpoint_of(row);
                        return {};
                    }));
    if (!found || (!owner.empty() && (found->owner != owner || found->all_owners))) {
        return Error{Errc::kNotFound, fmt::format("there is no webhook {}", id)};
    }
    return std::move(*found);
}

Result<std::vector<WebhookEndpoint>> list_endpoints(sql::Connection& db,
                                                    std::string_view owner,
                                                    std::string_view kind,
                                                    std::int64_t limit) {
    std::vector<WebhookEndpoint> out;
    const auto take = [&](const sql::Row& row) -> Status {
        out.push_back(endpoint_of(row));
        return {};
    };
    if (owner.empty()) {
        SG_TRY(db.query("SELECT " SG_ENDPOINT_COLUMNS
                        "FROM webhook_endpoints WHERE kind = $1 ORDER BY id LIMIT $2",
                        {kind, limit},
                        take));
    } else {
        SG_TRY(db.query("SELECT " SG_ENDPOINT_COLUMNS "FROM webhook_endpoints WHERE owner = $1 AND "
                        "kind = $2 AND all_owners = 0 ORDER BY id LIMIT $3",
                        {owner, kind, limit},
                        take));
    }
    return out;
}

Status update_endpoint(sql::Connection& db,
                       const WebhookEndpoint& endpoint,
                       std::int64_t version,
                       Millis now) {
    SG_TRY_ASSIGN(
        const auto changed,
        db.run("UPDATE webhook_endpoints SET url = $1, description = $2, types = $3, "
               "all_owners = $4, secret = $5, old_secret = $6, old_until = $7, enabled = $8, "
               "disabled_reason = $9, updated = $10, version = version + 1 WHERE id = $11 AND "
               "($12 = 0 OR version = $12)",
               {endpoint.url,
                endpoint.description,
                joined(endpoint.types),
                endpoint.all_owners,
                endpoint.secret,
                endpoint.old_secret,
                endpoint.old_until,
                endpoint.enabled,
                endpoint.disabled_reason,
                now,
                endpoint.id,
                version}));
    if (changed == 0) {
        return Error{Errc::kMismatch,
                     fmt::format("webhook {} was changed meanwhile; read it again", endpoint.id)};
    }
    return {};
}

Status remove_endpoint(sql::Connection& db, std::string_view id) {
    SG_TRY(db.run("DELETE FROM webhook_deliveries WHERE endpoint = $1", {id}));
    SG_TRY(db.run("DELETE FROM webhook_endpoints WHERE id = $1", {id}));
    return {};
}

Result<std::int64_t> count_endpoints(sql::Connection& db, std::string_view owner) {
    return db.number(
        "SELECT count(*) FROM webhook_endpoints WHERE owner = $1 AND kind = 'endpoint'", {owner});
}

Result<std::string> notify_endpoint(sql::Connection& db,
                                    std::string_view owner,
                                    std::string_view url,
                                    Millis now) {
    std::string id;
    SG_TRY(
        db.query("SELECT id FROM webhook_endpoints WHERE owner = $1 AND url = $2 AND kind = "
                 "'notify'",
                 {owner, url},
                 [&](const sql::Row& row) -> Status {
                     id = row.text(0);
                     return {};
                 }));
    if (!id.empty()) return id;
    WebhookEndpoint fresh;
    fresh.id = make_id("whk", SystemClock());
    fresh.owner = owner;
    fresh.kind = "notify";
    fresh.url = url;
    fresh.created = now;
    fresh.updated = now;
    SG_TRY(insert_endpoint(db, fresh));
    return fresh.id;
}

Result<std::optional<NotifySecret>> find_notify_secret(sql::Connection& db,
                                                       std::string_view owner) {
    std::optional<NotifySecret> found;
    SG_TRY(db.query("SELECT secret, old_secret, old_until FROM webhook_secrets WHERE owner = $1",
                    {owner},
                    [&](const sql::Row& row) -> Status {
                        found = NotifySecret{
                            std::string(row.text(0)), std::string(row.text(1)), row.integer(2)};
                        return {};
                    }));
    return found;
}

Status set_notify_secret(sql::Connection& db, std::string_view owner, const NotifySecret& secret) {
    SG_TRY(
        db.run("INSERT INTO webhook_secrets(owner, secret, old_secret, old_until) VALUES ($1, "
               "$2, $3, $4) ON CONFLICT (owner) DO UPDATE SET secret = excluded.secret, "
               "old_secret = excluded.old_secret, old_until = excluded.old_until",
               {owner, secret.secret, secret.old_secret, secret.old_until}));
    return {};
}

Result<std::int64_t> webhook_cursor(sql::Connection& db) {
    return db.number("SELECT seq FROM webhook_cursor WHERE one = 1", {});
}

Status set_webhook_cursor(sql::Connection& db, std::int64_t seq) {
    SG_TRY(db.run("UPDATE webhook_cursor SET seq = $1 WHERE one = 1", {seq}));
    return {};
}

}  // namespace sg::api
