#include <algorithm>
#include <cmath>
#include <functional>

#include <api/rate_limit.hpp>
#include <boost/asio/ip/address.hpp>
#include <fmt/format.h>
#include <openssl/rand.h>

#include <base/digest.hpp>

namespace sg::api {
namespace {

constexpr std::size_t kSlots = 65'536;
constexpr double kNanoseconds = 1e9;

/// A home has a /64 of IPv6: limits on single addresses there are none.
std::string network_of(std::string_view client) {
    boost::system::error_code error;
    const auto address = boost::asio::ip::make_address(std::string(client), error);
    if (error || !address.is_v6()) return std::string(client);
    const auto bytes = address.to_v6().to_bytes();
    return {reinterpret_cast<const char*>(bytes.data()), 8};
}

}  // namespace

RateLimits::RateLimits(RateLimitOptions options, const Clock& clock)
    : clock_(clock),
      seed_(16, '\0'),
      tables_{{options.per_key, "key", std::vector<std::atomic<std::int64_t>>(kSlots)},
              {options.per_address, "address", std::vector<std::atomic<std::int64_t>>(kSlots)},
              {options.per_failure, "failure", std::vector<std::atomic<std::int64_t>>(kSlots)}} {
    RAND_bytes(reinterpret_cast<unsigned char*>(seed_.data()), static_cast<int>(seed_.size()));
}

std::size_t RateLimits::slot(std::string_view who) const {
    // Four hex digits of a keyed digest: 65536 slots.
    const auto digest = hmac_sha256_hex(seed_, who);
    return std::stoul(digest.substr(0, 4), nullptr, 16);
}

RateLimits::Verdict RateLimits::take(Kind kind, std::string_view who) {
    Verdict out;
    auto& table = tables_[static_cast<std::size_t>(kind)];
    const auto& bucket = table.bucket;
    if (bucket.burst <= 0 || bucket.per_second <= 0) return out;
    const auto step = static_cast<std::int64_t>(kNanoseconds / bucket.per_second);
    const auto depth = static_cast<std::int64_t>(static_cast<double>(step) * bucket.burst);
    const auto now =
        std::chrono::duration_cast<std::chrono::nanoseconds>(clock_.now().time_since_epoch())
            .count();
    auto& cell = table.full_at[slot(kind == Kind::kKey ? std::string(who) : network_of(who))];
    auto full_at = cell.load(std::memory_order_relaxed);
    std::int64_t next = 0;
    do {
        next = std::max(full_at, now) + step;
        out.allowed = next - now <= depth;
    } while (out.allowed && !cell.compare_exchange_weak(full_at, next, std::memory_order_relaxed));
    if (!out.allowed) next -= step;
    const auto seconds = [](std::int64_t nanoseconds) {
        return static_cast<std::int64_t>(
            std::ceil(static_cast<double>(nanoseconds) / kNanoseconds));
    };
    out.policy = fmt::format("\"{}\";q={};w={}",
                             table.name,
                             static_cast<std::int64_t>(bucket.burst),
                             std::max<std::int64_t>(1, seconds(depth)));
    out.state = fmt::format(
        "\"{}\";r={};t={}", table.name, (depth - (next - now)) / step, seconds(next - now));
    if (!out.allowed) {
        out.retry_after =
            std::chrono::seconds(std::max<std::int64_t>(1, seconds(next + step - now - depth)));
    }
    return out;
}

}  // namespace sg::api
