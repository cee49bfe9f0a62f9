#include "webhook_answers.hpp"

#include <charconv>

#include "json_writer.hpp"

namespace sg::api {
namespace {

void write_endpoint(JsonWriter& out, const WebhookEndpoint& endpoint, std::string_view secret) {
    out.begin_object()
        .member("id", endpoint.id)
        .member("kind", endpoint.kind)
        .member("owner", endpoint.owner)
        .member("url", endpoint.url)
        .member("description", endpoint.description);
    out.key("types").begin_array();
    for (const auto& type : endpoint.types) out.value(type);
    out.end_array();
    out.member("all_owners", endpoint.all_owners).member("enabled", endpoint.enabled);
    if (!endpoint.disabled_reason.empty()) {
        out.member("disabled_reason", endpoint.disabled_reason);
    }
    out.member("failures", endpoint.failures).member("last_status", endpoint.last_status);
    if (!endpoint.last_error.empty()) out.member("last_error", endpoint.last_error);
    out.key("last_attempt").time(endpoint.last_at);
    out.key("old_secret_until").time(endpoint.old_until);
    out.key("created").time(endpoint.created);
    out.key("updated").time(endpoint.updated);
    out.member("version", endpoint.version);
    if (!secret.empty()) out.member("secret", secret);
    out.end_object();
}

void write_delivery(JsonWriter& out, const WebhookDelivery& delivery) {
    out.begin_object()
        .member("id", delivery.id)
        .member("webhook", delivery.endpoint)
        .member("event", delivery.event_id)
        .member("seq", delivery.seq)
        .member("type", delivery.type)
        .member("subject", delivery.subject)
        .member("state", delivery.state)
        .member("attempts", delivery.attempts)
        .member("status", delivery.status);
    if (!delivery.error.empty()) out.member("error", delivery.error);
    out.member("took_ms", delivery.took_ms);
    out.key("time").time(delivery.event_time);
    out.key("created").time(delivery.created);
    out.key("last_attempt").time(delivery.last_at);
    out.key("next_attempt").time(delivery.state == "waiting" ? delivery.next_at : 0);
    out.end_object();
}

}  // namespace

std::string endpoint_json(const WebhookEndpoint& endpoint, std::string_view secret) {
    JsonWriter out;
    write_endpoint(out, endpoint, secret);
    return out.take();
}

std::string endpoints_json(const std::vector<WebhookEndpoint>& endpoints) {
    JsonWriter out;
    out.begin_object().key("items").begin_array();
    for (const auto& endpoint : endpoints) write_endpoint(out, endpoint, {});
    out.end_array().end_object();
    return out.take();
}

std::string delivery_json(const WebhookDelivery& delivery) {
    JsonWriter out;
    write_delivery(out, delivery);
    return out.take();
}

std::string deliveries_json(std::vector<WebhookDelivery> deliveries, std::int64_t limit) {
    const bool more = static_cast<std::int64_t>(deliveries.size()) > limit;
    if (more) deliveries.resize(static_cast<std::size_t>(limit));
    JsonWriter out;
    out.begin_object().key("items").begin_array();
    for (const auto& delivery : deliveries) write_delivery(out, delivery);
    out.end_array().key("next_cursor");
    if (more) {
        out.value(deliveries.back().id);
    } else {
        out.null();
    }
    out.end_object();
    return out.take();
}

bool is_delivery_state(std::string_view state) noexcept {
    return state.empty() || state == "waiting" || state == "blocked" || state == "delivered" ||
           state == "dead";
}

std::optional<std::int64_t> page_limit(const Call& call) {
    const auto text = call.asked("limit");
    if (!text) return 50;
    std::int64_t value = 0;
    const auto end = text->data() + text->size();
    const auto result = std::from_chars(text->data(), end, value);
    if (result.ec != std::errc() || result.ptr != end || value < 1 || value > 1000) {
        return std::nullopt;
    }
    return value;
}

Problem endpoint_problem(const Error& error, std::string_view id) {
    return error.code == Errc::kNotFound ? not_found("webhook", id) : problem_of(error);
}

}  // namespace sg::api
