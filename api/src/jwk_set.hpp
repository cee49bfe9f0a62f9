#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <base/result.hpp>

struct evp_pkey_st;

namespace sg::api {

/// RFC 4648 §5 without padding, strict: no other characters, no stray bits. Hostile.
[[nodiscard]] Result<std::string> from_base64url(std::string_view text);

/// A public key of an issuer (RFC 7517, RFC 7518 §6, RFC 8037).
struct Jwk {
    std::string kid;
    std::string alg;  ///< when the issuer names one, it is the only one
    enum class Kind { kRsa, kP256, kEd25519 };
    Kind kind = Kind::kRsa;
    std::shared_ptr<evp_pkey_st> key;

    /// Whether this key is for tokens of that algorithm.
    [[nodiscard]] bool fits(std::string_view algorithm) const;
};

/// The usable signature keys of a set; others are left out: secret ones, other curves, RSA under
/// 2048 bits or over 8192, keys for encryption. Hostile.
[[nodiscard]] Result<std::vector<Jwk>> read_jwk_set(std::string_view json);

/// Whether `signature` is that of `text` by one of RS256, PS256, ES256 (raw r and s, RFC 7518
/// §3.4), EdDSA. The key must fit.
[[nodiscard]] bool verify_signature(const Jwk& key,
                                    std::string_view algorithm,
                                    std::string_view text,
                                    std::string_view signature);

}  // namespace sg::api
