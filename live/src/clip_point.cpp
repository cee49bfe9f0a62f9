#include <charconv>
#include <optional>
#include <string>

#include <fmt/format.h>
#include <live/dvr_clip.hpp>

#include <base/clock.hpp>

namespace sg::live {
namespace {

using std::chrono::milliseconds;

Error bad_point(std::string_view text) {
    return {Errc::kInvalidArgument,
            fmt::format("'{}' is no time; give 2026-01-31T12:00:00Z, -90s (before the end) or 5m "
                        "(behind the beginning)",
                        text)};
}

/// RFC 3339, also with a blank for the T.
std::optional<packagers::WallTime> parse_date(std::string_view text) {
    std::string exact(text);
    if (exact.size() > 10 && exact[10] == ' ') exact[10] = 'T';
    return parse_rfc3339(exact);
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
