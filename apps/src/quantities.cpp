#include "quantities.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

namespace sg::apps {
namespace {

std::string scaled(double value, const std::array<const char*, 5>& units) {
    std::size_t unit = 0;
    while (std::abs(value) >= 999.5 && unit + 1 < units.size()) {
        value /= 1000;
        ++unit;
    }
    const int digits = unit == 0 || value >= 99.95 ? 0 : 1;
    return fmt::format("{:.{}f} {}", value, digits, units[unit]);
}

struct Number {
    double value = 0;
    std::string_view unit;
};

Result<Number> split_number(std::string_view text, std::string_view what) {
    Number number;
    const auto* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, number.value);
    if (error != std::errc() || !std::isfinite(number.value) || number.value < 0) {
        return Error{Errc::kInvalidArgument, fmt::format("'{}' is not {}", text, what)};
    }
    number.unit = std::string_view(rest, static_cast<std::size_t>(end - rest));
    return number;
}

}  // namespace

std::string bytes_text(std::int64_t bytes) {
    return scaled(static_cast<double>(bytes), {"B", "kB", "MB", "GB", "TB"});
}

std::string bitrate_text(std::int64_t bits_per_second) {
    return scaled(static_cast<double>(bits_per_second),
                  {"bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"});
}

std::string clock_text(double seconds) {
    if (!std::isfinite(seconds) || seconds < 0) return "--:--";
    const auto whole = static_cast<std::int64_t>(std::min(seconds, 3.6e9) + 0.5);
    const auto hours = whole / 3600;
    const auto minutes = whole / 60 % 60;
    if (hours > 0) return fmt::format("{}:{:02}:{:02}", hours, minutes, whole % 60);
    return fmt::format("{}:{:02}", minutes, whole % 60);
}

std::string seconds_text(double seconds) {
    return seconds < 60 ? fmt::format("{:.1f} s", seconds) : clock_text(seconds);
}

std::string rate_text(double rate) {
    auto text = fmt::format("{:.2f}", rate);
    while (text.back() == '0') text.pop_back();
    if (text.back() == '.') text.pop_back();
    return text;
}

Result<std::int64_t> parse_byte_count(std::string_view text) {
    constexpr std::string_view kWhat = "a size; write for example 1500M or 2G";
    SG_TRY_ASSIGN(const auto number, split_number(text, kWhat));
    auto unit = number.unit;
    if (unit.ends_with("iB")) unit.remove_suffix(2);
    if (unit.ends_with("B")) unit.remove_suffix(1);
    constexpr std::string_view kUnits = "KMGT";
    double factor = 1;
    if (!unit.empty()) {
        const auto at = kUnits.find(unit == "k" ? 'K' : unit.front());
        if (unit.size() > 1 || at == std::string_view::npos) {
            return Error{Errc::kInvalidArgument, fmt::format("'{}' is not {}", text, kWhat)};
        }
        factor = std::pow(1024.0, static_cast<double>(at + 1));
    }
    const double bytes = number.value * factor;
    if (bytes > 1e18) return Error{Errc::kInvalidArgument, fmt::format("'{}' is too large", text)};
    return static_cast<std::int64_t>(bytes);
}

Result<int> parse_seconds(std::string_view text) {
    constexpr std::string_view kWhat = "a time; write for example 90, 90s, 5m or 1h";
    SG_TRY_ASSIGN(const auto number, split_number(text, kWhat));
    double factor = 0;
    if (number.unit.empty() || number.unit == "s") factor = 1;
    if (number.unit == "m" || number.unit == "min") factor = 60;
    if (number.unit == "h") factor = 3600;
    const double seconds = number.value * factor;
    if (factor == 0 || seconds > 1e9) {
        return Error{Errc::kInvalidArgument, fmt::format("'{}' is not {}", text, kWhat)};
    }
    return static_cast<int>(std::ceil(seconds));
}

}  // namespace sg::apps
