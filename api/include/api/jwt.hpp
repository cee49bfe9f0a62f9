#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <api/principal.hpp>

#include <base/clock.hpp>
#include <base/result.hpp>

namespace sg::api {

struct JwtOptions {
    std::string issuer;    ///< what "iss" must be, to the letter
    std::string audience;  ///< what "aud" must be or contain
    std::string jwks_url;  ///< empty: found by OpenID Connect Discovery below the issuer
    /// Those that are accepted, of RS256, PS256, ES256 and EdDSA (Ed25519); no others are
    /// implemented.
    std::vector<std::string> algorithms{"RS256", "PS256", "ES256", "EdDSA"};
    std::chrono::seconds clock_skew{60};
    /// Paths of claims, with dots: "realm_access.roles". A text, words in a text, or a list of
    /// them.
    std::string role_claim = "streamgate_role";
    std::string owner_claim = "sub";
    std::string scope_claim;  ///< empty: no limit by scopes
    /// What the issuer calls the roles; the highest of a token's counts. Empty: our own names.
    std::map<std::string, Role, std::less<>> roles;
    std::optional<Role> default_role;  ///< of a token without a known role; otherwise refused
};

/// Fetches a document, at most 1 MB; blocks.
using JwtFetch = std::function<Result<std::string>(const std::string& url, std::stop_token)>;
[[nodiscard]] JwtFetch fetch_by_http();

/// Verifies bearer tokens of one issuer (RFC 7519, RFC 7515, RFC 8725). Its keys (RFC 7517) are
/// fetched by a thread: at the start, each ten minutes, and for an unknown key id, but not more
/// often than each 30 s. While the issuer cannot be reached the keys that are known go on. The
/// algorithm is that of the key and of the list, never only what the token says. Any thread.
class JwtVerifier {
  public:
    /// Returns at once: tokens are refused with kAgain until the keys are there. kInvalidArgument
    /// for options that cannot be: an issuer that is not https (http to loopback is), an unknown
    /// algorithm.
    [[nodiscard]] static Result<std::unique_ptr<JwtVerifier>> start(JwtOptions options,
                                                                    const Clock& clock,
                                                                    JwtFetch fetch);
    ~JwtVerifier();

    /// kPermission says why not. kAgain: the key is unknown and being asked for.
    [[nodiscard]] Result<Principal> verify(std::string_view token);

    /// Empty when keys are there: for /readyz.
    [[nodiscard]] std::string trouble() const;

  private:
    struct Impl;
    explicit JwtVerifier(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace sg::api
