#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sg::server {

/// Signed playback URLs: HMAC-SHA256 (RFC 2104) over a path prefix and its expiry, carried as
/// "exp=UNIXSECONDS&sig=HEX64" in the query. Holds for every path below the prefix.
class PlaybackSignature {
  public:
    /// The first key signs, all of them verify: keys can be rotated with an overlap. Not empty.
    explicit PlaybackSignature(std::vector<std::string> keys) : keys_(std::move(keys)) {}

    /// "exp=...&sig=..." for `prefix`, such as "/live/NAME/".
    [[nodiscard]] std::string sign(std::string_view prefix, std::int64_t expires) const;

    /// `token` is the query of a request, or the value of the cookie. Compares in constant time.
    [[nodiscard]] bool verify(std::string_view prefix,
                              std::string_view token,
                              std::int64_t now) const;

    /// The "exp=...&sig=..." of a query in this order, whatever else it carries; empty without.
    [[nodiscard]] static std::string token_of(std::string_view query);
    /// 0 when the token is malformed.
    [[nodiscard]] static std::int64_t expiry_of(std::string_view token);

  private:
    [[nodiscard]] static std::string digest(std::string_view key,
                                            std::string_view prefix,
                                            std::int64_t expires);
    std::vector<std::string> keys_;
};

}  // namespace sg::server
