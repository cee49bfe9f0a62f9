#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <jobs/event_log.hpp>
#include <sql/connection.hpp>

#include <base/result.hpp>

// Endpoints of webhooks and what is on its way to them. All functions work inside the caller's
// transaction.

namespace sg::api {

using jobs::Millis;

/// Where events are sent to. Those of kind "notify" stand for an address in a job's document; they
/// get the ends of such jobs, signed with their owner's secret.
struct WebhookEndpoint {
    std::string id;  ///< "whk_<uuidv7>"
    std::string owner;
    std::string kind = "endpoint";
    std::string url;
    std::string description;
    std::vector<std::string> types;  ///< patterns; empty: all
    bool all_owners = false;
    std::string secret;      ///< sealed
    std::string old_secret;  ///< sealed; signs too until old_until
    Millis old_until = 0;
    bool enabled = true;
    std::string disabled_reason;
    std::int64_t from_seq = 0;  ///< only later events
    std::int64_t failures = 0;  ///< in a row
    std::int64_t last_status = 0;
    std::string last_error;
    Millis last_at = 0;
    Millis created = 0;
    Millis updated = 0;
    std::int64_t version = 1;
};

[[nodiscard]] Status insert_endpoint(sql::Connection& db, const WebhookEndpoint& endpoint);
/// An empty owner means all. Who sees one owner's webhooks does not see those of them that are told
/// of all owners. kNotFound.
[[nodiscard]] Result<WebhookEndpoint> find_endpoint(sql::Connection& db,
                                                    std::string_view id,
                                                    std::string_view owner);
/// Those made by users when `kind` is "endpoint"; oldest first.
[[nodiscard]] Result<std::vector<WebhookEndpoint>> list_endpoints(sql::Connection& db,
                                                                  std::string_view owner,
                                                                  std::string_view kind,
                                                                  std::int64_t limit);
/// url, description, types, all_owners, secrets, enabled, disabled_reason; the version grows.
/// kMismatch when `version` is not 0 and not the row's.
[[nodiscard]] Status update_endpoint(sql::Connection& db,
                                     const WebhookEndpoint& endpoint,
                                     std::int64_t version,
                                     Millis now);
/// With its deliveries.
[[nodiscard]] Status remove_endpoint(sql::Connection& db, std::string_view id);
[[nodiscard]] Result<std::int64_t> count_endpoints(sql::Connection& db, std::string_view owner);
/// The one that stands for this address, made when there is none.
[[nodiscard]] Result<std::string> notify_endpoint(sql::Connection& db,
                                                  std::string_view owner,
                                                  std::string_view url,
                                                  Millis now);

/// The secret of an owner's notify addresses, sealed.
struct NotifySecret {
    std::string secret;
    std::string old_secret;
    Millis old_until = 0;
};
[[nodiscard]] Result<std::optional<NotifySecret>> find_notify_secret(sql::Connection& db,
                                                                     std::string_view owner);
[[nodiscard]] Status set_notify_secret(sql::Connection& db,
                                       std::string_view owner,
                                       const NotifySecret& secret);

/// An event on its way to an endpoint. Of those with one endpoint and subject, the oldest is
/// waiting and the others are blocked behind it.
struct WebhookDelivery {
    std::string id;  ///< "dlv_<uuidv7>"
    std::string endpoint;
    std::int64_t seq = 0;  ///< of the event; 0: a test
    std::string event_id;
    Millis event_time = 0;
    std::string type;
    std::string subject;
    std::string body;
    std::string state;  ///< "blocked", "waiting", "delivered", "dead"
    std::int64_t attempts = 0;
    Millis created = 0;  ///< or replayed: the 72 hours count from here
    Millis next_at = 0;
    Millis last_at = 0;
    std::int64_t status = 0;  ///< of the last answer; 0: there was none
    std::string error;
    std::int64_t took_ms = 0;
};

/// Nothing happens when the endpoint has this event already.
[[nodiscard]] Status add_delivery(sql::Connection& db, WebhookDelivery delivery);
[[nodiscard]] Result<WebhookDelivery> find_delivery(sql::Connection& db,
                                                    std::string_view endpoint,
                                                    std::string_view id);
struct DeliveryFilter {
    std::string endpoint;
    std::string state;   ///< empty: all
    std::string before;  ///< page: only older ids; empty: from the newest
    std::int64_t limit = 50;
};
/// Newest first.
[[nodiscard]] Result<std::vector<WebhookDelivery>> list_deliveries(sql::Connection& db,
                                                                   const DeliveryFilter& filter);
/// Waiting ones whose time has come, the longest due first.
[[nodiscard]] Result<std::vector<WebhookDelivery>> due_deliveries(sql::Connection& db,
                                                                  std::string_view endpoint,
                                                                  Millis now,
                                                                  std::int64_t limit);
/// When the next one is due that is not due at `now`; 0: none waits.
[[nodiscard]] Result<Millis> next_due(sql::Connection& db, std::string_view endpoint, Millis now);
/// Endpoints with waiting deliveries.
[[nodiscard]] Result<std::vector<std::string>> endpoints_with_work(sql::Connection& db);

/// What an attempt led to: `delivery` with its new state, attempts, times, status and error. One
/// that has ended lets the next of its subject go.
[[nodiscard]] Status finish_attempt(sql::Connection& db,
                                    const WebhookDelivery& delivery,
                                    Millis now);
/// Counts for the endpoint: `failures` in a row.
[[nodiscard]] Status note_attempt(sql::Connection& db,
                                  const WebhookDelivery& delivery,
                                  bool delivered,
                                  Millis now);
/// All that wait for this endpoint die.
[[nodiscard]] Status bury_waiting(sql::Connection& db,
                                  std::string_view endpoint,
                                  std::string_view why,
                                  Millis now);

struct ReplayRange {
    Millis from = 0;         ///< of the events' times
    Millis to = 0;           ///< exclusive
    bool delivered = false;  ///< these too, not only the dead
};
/// Sends again what has ended, in order. Gives how many.
[[nodiscard]] Result<std::int64_t> replay_range(sql::Connection& db,
                                                std::string_view endpoint,
                                                const ReplayRange& range,
                                                Millis now);
/// kNotFound when the endpoint has none of this id; one that is on its way stays as it is.
[[nodiscard]] Status replay_delivery(sql::Connection& db,
                                     std::string_view endpoint,
                                     std::string_view id,
                                     Millis now);

/// Ended ones that are older, at most `limit` of each kind, then notify endpoints that none is left
/// of. Gives how many deliveries.
[[nodiscard]] Result<std::int64_t> purge_deliveries(sql::Connection& db,
                                                    Millis delivered_before,
                                                    Millis dead_before,
                                                    std::int64_t limit);

/// The last event whose deliveries were made; -1: never.
[[nodiscard]] Result<std::int64_t> webhook_cursor(sql::Connection& db);
[[nodiscard]] Status set_webhook_cursor(sql::Connection& db, std::int64_t seq);

/// Deliveries by state, for metrics.
[[nodiscard]] Result<std::int64_t> count_deliveries(sql::Connection& db, std::string_view state);

}  // namespace sg::api
