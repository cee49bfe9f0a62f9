#include "webhook_retry.hpp"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <string>

namespace sg::api {
namespace {

constexpr std::int64_t kLongest = 24 * 3600;

}  // namespace

std::chrono::milliseconds retry_delay(const WebhookOptions& options,
                                      std::int64_t attempts,
                                      double random) {
    auto delay = options.first_retry;
    for (std::int64_t i = 1; i < attempts && delay < options.longest_retry; ++i) delay *= 3;
    delay = std::min(delay, options.longest_retry);
    const auto more = static_cast<double>(delay.count()) * 0.2 * std::clamp(random, 0.0, 1.0);
    return delay + std::chrono::milliseconds(static_cast<std::int64_t>(more));
}

std::optional<std::chrono::seconds> parse_retry_after(std::string_view value, std::int64_t now_s) {
    std::int64_t seconds = 0;
    const auto end = value.data() + value.size();
    const auto result = std::from_chars(value.data(), end, seconds);
    if (!value.empty() && result.ptr == end) {
        if (result.ec == std::errc::result_out_of_range) seconds = kLongest;
        if (seconds < 0) return std::nullopt;
        return std::chrono::seconds(std::min(seconds, kLongest));
    }
    std::tm parts{};
    const std::string text(value);
    const char* rest = strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    if (rest == nullptr || *rest != '\0') return std::nullopt;
    return std::chrono::seconds(std::clamp<std::int64_t>(timegm(&parts) - now_s, 0, kLongest));
}

}  // namespace sg::api
