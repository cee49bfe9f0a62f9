#pragma once

#include <span>
#include <string>
#include <vector>

#include <api/api_router.hpp>

#include <base/clock.hpp>
#include <base/metric.hpp>
#include <base/result.hpp>

namespace sg::api {

class ApiKeys;
class AuditLog;
class JwtVerifier;
class RateLimits;

/// What stands in front of handlers. All is borrowed and must outlive the router; what is null is
/// not there.
struct ApiRouter::Gate {
    Metrics& metrics;
    const Clock& clock;
    /// Off: every request that comes from a loopback address, names a loopback host and is not of
    /// another web site is an admin's. Whoever decides it: decide_authentication().
    bool authentication = true;
    bool open_to_all = false;           ///< without authentication also under other names
    std::string local_owner = "local";  ///< of requests without authentication
    ApiKeys* keys = nullptr;
    JwtVerifier* jwt = nullptr;
    RateLimits* limits = nullptr;
    AuditLog* audit = nullptr;
    /// Origins of web pages that may read answers (CORS); "*" for all. Open operations say it
    /// themselves.
    std::vector<std::string> allowed_origins{};
};

/// For answers that go on for long: whether the credentials that a request came with still hold.
[[nodiscard]] bool still_authentic(const server::Request& request, const ApiRouter::Gate& gate);

/// What the configuration says: kAuto is off when every listener is bound to loopback and no issuer
/// of tokens is configured, else on.
enum class AuthenticationMode { kAuto, kOn, kOff };

/// Whether requests need credentials; logs a note when they do not. kInvalidArgument when it is
/// switched off with a listener beyond loopback and not `open_to_all`, the explicit word for that.
[[nodiscard]] Result<bool> decide_authentication(AuthenticationMode mode,
                                                 std::span<const std::string> listen_addresses,
                                                 bool issuer_configured,
                                                 bool open_to_all);

}  // namespace sg::api
