#pragma once

#include <string>
#include <string_view>

#include <api/jwt.hpp>
#include <nlohmann/json.hpp>

namespace sg::api {

/// A compact JWS (RFC 7515 §7.1) taken apart; nothing of it is to be believed yet.
struct JwtToken {
    std::string algorithm;
    std::string kid;
    std::string_view signed_part;
    std::string signature;
    std::string payload;
};
/// kPermission: malformed, an algorithm that is not in the list, "crit", or longer than 8 KiB.
/// Hostile.
[[nodiscard]] Result<JwtToken> split_jwt(std::string_view token, const JwtOptions& options);

/// Who a verified payload speaks of. kPermission when issuer, audience or times do not fit, or no
/// role is in it. Hostile.
[[nodiscard]] Result<Principal> principal_of(std::string_view payload,
                                             const JwtOptions& options,
                                             Clock::Wall now);

}  // namespace sg::api
