#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include <api/webhooks.hpp>

namespace sg::api {

/// How long to wait after the `attempts`-th failure in a row, with up to a fifth more by `random`
/// (0 to 1), so that what failed together does not come back together.
[[nodiscard]] std::chrono::milliseconds retry_delay(const WebhookOptions& options,
                                                    std::int64_t attempts,
                                                    double random);

/// Retry-After (RFC 9110 §10.2.3), in seconds from `now_s` (Unix time), at most a day. Hostile
/// text.
[[nodiscard]] std::optional<std::chrono::seconds> parse_retry_after(std::string_view value,
                                                                    std::int64_t now_s);

}  // namespace sg::api
