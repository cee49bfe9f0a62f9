#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sg::api {

/// "whsec_" and 24 random bytes in base64 (Standard Webhooks 1.0, "Signature scheme").
[[nodiscard]] std::string make_webhook_secret();

/// "v1,BASE64" of the HMAC-SHA256 over "ID.TIMESTAMP.BODY". Nothing for a malformed secret.
[[nodiscard]] std::optional<std::string> webhook_signature(std::string_view secret,
                                                           std::string_view id,
                                                           std::int64_t unix_seconds,
                                                           std::string_view body);

}  // namespace sg::api
