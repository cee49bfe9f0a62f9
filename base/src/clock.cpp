#include <fmt/format.h>

#include <base/clock.hpp>

namespace sg {

std::string rfc3339(std::chrono::sys_time<std::chrono::milliseconds> time) {
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss clock{time - day};
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
                       static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()),
                       static_cast<unsigned>(date.day()),
                       clock.hours().count(),
                       clock.minutes().count(),
                       clock.seconds().count(),
                       clock.subseconds().count());
}

std::string rfc3339(Clock::Wall time) {
    return rfc3339(std::chrono::floor<std::chrono::milliseconds>(time));
}

std::optional<Clock::Wall> parse_rfc3339(std::string_view text) noexcept {
    constexpr std::string_view kShape = "dddd-dd-ddTdd:dd:dd";
    if (text.size() <= kShape.size()) return std::nullopt;
    const auto digit = [](char c) { return c >= '0' && c <= '9'; };
    for (std::size_t i = 0; i < kShape.size(); ++i) {
        const bool fits = kShape[i] == 'd'   ? digit(text[i])
                          : kShape[i] == 'T' ? text[i] == 'T' || text[i] == 't'
                                             : text[i] == kShape[i];
        if (!fits) return std::nullopt;
    }
    const auto number = [&text](std::size_t at, std::size_t digits) {
        int value = 0;
        for (std::size_t i = at; i < at + digits; ++i) value = value * 10 + (text[i] - '0');
        return value;
    };
    const std::chrono::year_month_day day{std::chrono::year(number(0, 4)),
                                          std::chrono::month(static_cast<unsigned>(number(5, 2))),
                                          std::chrono::day(static_cast<unsigned>(number(8, 2)))};
    const int hour = number(11, 2);
    const int minute = number(14, 2);
    const int second = number(17, 2);
    // Clock::Wall counts nanoseconds in 64 bits.
    constexpr int kLastYear = 2261;
    const int year = number(0, 4);
    if (!day.ok() || year < 1970 || year > kLastYear || hour > 23 || minute > 59 || second > 59)
        return std::nullopt;

    std::size_t at = kShape.size();
    int ms = 0;
    if (text[at] == '.') {
        const auto first = ++at;
        for (int scale = 100; at < text.size() && digit(text[at]); ++at, scale /= 10)
            ms += scale * (text[at] - '0');
        if (at == first) return std::nullopt;
    }
    const auto zone = text.substr(at);
    std::chrono::minutes offset{0};
    if (zone.size() == 6 && (zone[0] == '+' || zone[0] == '-') && zone[3] == ':') {
        for (const std::size_t i : {1U, 2U, 4U, 5U}) {
            if (!digit(zone[i])) return std::nullopt;
        }
        const int hours = number(at + 1, 2);
        const int minutes = number(at + 4, 2);
        if (hours > 23 || minutes > 59) return std::nullopt;
        offset = std::chrono::minutes((zone[0] == '-' ? -1 : 1) * (hours * 60 + minutes));
    } else if (zone != "Z" && zone != "z") {
        return std::nullopt;
    }
    return Clock::Wall(std::chrono::sys_days(day) + std::chrono::hours(hour) +
                       std::chrono::minutes(minute) + std::chrono::seconds(second) +
                       std::chrono::milliseconds(ms) - offset);
}

}  // namespace sg
