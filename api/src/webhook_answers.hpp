#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <api/call.hpp>

#include "webhook_table.hpp"

namespace sg::api {

/// `secret` is shown when it is not empty.
[[nodiscard]] std::string endpoint_json(const WebhookEndpoint& endpoint, std::string_view secret);
[[nodiscard]] std::string endpoints_json(const std::vector<WebhookEndpoint>& endpoints);
[[nodiscard]] std::string delivery_json(const WebhookDelivery& delivery);
/// A page of `limit`, with a cursor when there are more.
[[nodiscard]] std::string deliveries_json(std::vector<WebhookDelivery> deliveries,
                                          std::int64_t limit);

/// Empty is all states.
[[nodiscard]] bool is_delivery_state(std::string_view state) noexcept;
/// "limit" of the query: 50 without, nothing when it is not from 1 to 1000.
[[nodiscard]] std::optional<std::int64_t> page_limit(const Call& call);
[[nodiscard]] Problem endpoint_problem(const Error& error, std::string_view id);

}  // namespace sg::api
