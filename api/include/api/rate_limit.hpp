#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <base/clock.hpp>

namespace sg::api {

struct RateLimitOptions {
    /// A token bucket: `burst` requests at once, then `per_second`. No limit with a burst of 0.
    struct Bucket {
        double per_second = 0;
        double burst = 0;
    };
    Bucket per_key{200, 1000};          ///< of an API key, or a token's owner
    Bucket per_address{500, 2000};      ///< before authentication; IPv6 by /64
    Bucket per_failure{1.0 / 3.0, 20};  ///< failed authentications of an address
};

/// Token buckets in tables of fixed size, kept as one time each (GCRA). Two clients share a bucket
/// with a chance of 1 in 65536, which nobody can bring about: the hash is keyed at random. Any
/// thread, no locks.
class RateLimits {
  public:
    RateLimits(RateLimitOptions options, const Clock& clock);

    enum class Kind { kKey, kAddress, kFailure };
    struct Verdict {
        bool allowed = true;
        std::string policy;  ///< value of RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers)
        std::string state;   ///< value of RateLimit
        std::chrono::seconds retry_after{0};  ///< at least 1 when not allowed
    };
    /// Takes a token when there is one. Without fields when the kind has no limit.
    [[nodiscard]] Verdict take(Kind kind, std::string_view who);

  private:
    struct Table {
        RateLimitOptions::Bucket bucket;
        std::string_view name;
        /// When the bucket is full again, in nanoseconds of the monotonic clock.
        std::vector<std::atomic<std::int64_t>> full_at;
    };
    [[nodiscard]] std::size_t slot(std::string_view who) const;

    const Clock& clock_;
    std::string seed_;
    Table tables_[3];
};

}  // namespace sg::api
