#include <cctype>
#include <charconv>
#include <ctime>
#include <optional>

#include <fmt/format.h>
#include <live/dvr_clip.hpp>

namespace sg::live {
namespace {

using std::chrono::milliseconds;

Error bad_point(std::string_view text) {
    return {Errc::kInvalidArgument,
            fmt::format("'{}' is no time; give 2026-01-31T12:00:00Z, -90s (before the end) or 5m "
                        "(behind the beginning)",
                        text)};
}

bool take(std::string_view& text, std::size_t digits, int& out) {
    if (text.size() < digits) return false;
    const auto [end, error] = std::from_chars(text.data(), text.data() + digits, out);
    if (error != std::errc{} || end != text.data() + digits) return false;
    text.remove_prefix(digits);
    return true;
}

bool take(std::string_view& text, char wanted) {
    if (text.empty() || text.front() != wanted) return false;
    text.remove_prefix(1);
    return true;
}

/// RFC 3339.
std::optional<packagers::WallTime> parse_date(std::string_view text) {
    std::tm utc{};
    int year = 0;
    int month = 0;
    if (!take(text, 4, year) || !take(text, '-') || !take(text, 2, month) || !take(text, '-') ||
        !take(text, 2, utc.tm_mday) || !(take(text, 'T') || take(text, ' ')) ||
        !take(text, 2, utc.tm_hour) || !take(text, ':') || !take(text, 2, utc.tm_min) ||
        !take(text, ':') || !take(text, 2, utc.tm_sec))
        return std::nullopt;
    utc.tm_year = year - 1900;
    utc.tm_mon = month - 1;
    milliseconds fraction{0};
    if (take(text, '.')) {
        milliseconds digit{100};
        while (!text.empty() && std::isdigit(static_cast<unsigned char>(text.front())) != 0) {
            fraction += digit * (text.front() - '0');
            digit /= 10;
            text.remove_prefix(1);
        }
    }
    std::chrono::minutes offset{0};
    if (!take(text, 'Z')) {
        const bool west = take(text, '-');
        int hours = 0;
        int minutes = 0;
        if (!(west || take(text, '+')) || !take(text, 2, hours)) return std::nullopt;
        (void)take(text, ':');
        if (!take(text, 2, minutes)) return std::nullopt;
        offset = std::chrono::minutes((west ? -1 : 1) * (hours * 60 + minutes));
    }
    if (!text.empty()) return std::nullopt;
    return std::chrono::system_clock::from_time_t(::timegm(&utc)) + fraction - offset;
}

std::optional<milliseconds> parse_length(std::string_view text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || value < 0 || value > 1e9) return std::nullopt;
    const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
    double scale = 1000;
    if (unit == "ms")
        scale = 1;
    else if (unit == "m")
        scale = 60'000;
    else if (unit == "h")
        scale = 3'600'000;
    else if (!unit.empty() && unit != "s")
        return std::nullopt;
    return milliseconds(static_cast<std::int64_t>(value * scale));
}

}  // namespace

Result<ClipPoint> parse_clip_point(std::string_view text) {
    ClipPoint point;
    if (const auto date = parse_date(text)) {
        point.from = ClipPoint::From::kDate;
        point.date = *date;
        return point;
    }
    const bool back = text.starts_with('-');
    const auto length = parse_length(back ? text.substr(1) : text);
    if (!length) return bad_point(text);
    point.from = back ? ClipPoint::From::kEnd : ClipPoint::From::kBeginning;
    point.distance = *length;
    return point;
}

}  // namespace sg::live
