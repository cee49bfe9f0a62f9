#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <base/result.hpp>

namespace sg::apps {

/// For people: "14.2 MB" (powers of ten, as disks and networks count).
[[nodiscard]] std::string bytes_text(std::int64_t bytes);
/// "4.8 Mbit/s"
[[nodiscard]] std::string bitrate_text(std::int64_t bits_per_second);
/// "0:24", "1:02:03"
[[nodiscard]] std::string clock_text(double seconds);
/// "24.3 s" below a minute, then as clock_text
[[nodiscard]] std::string seconds_text(double seconds);
/// "30", "29.97"
[[nodiscard]] std::string rate_text(double rate);

/// "1500M", "2G", "2GiB", "1000000": letters are powers of 1024 for G/M/K, as limits are counted.
[[nodiscard]] Result<std::int64_t> parse_byte_count(std::string_view text);
/// "90", "90s", "5m", "1h"
[[nodiscard]] Result<int> parse_seconds(std::string_view text);

}  // namespace sg::apps
