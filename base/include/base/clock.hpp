#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace sg {

/// Time as a dependency, so that tests can hold it still. Thread-safe.
class Clock {
  public:
    using Monotonic = std::chrono::steady_clock::time_point;
    using Wall = std::chrono::system_clock::time_point;

    virtual ~Clock() = default;
    [[nodiscard]] virtual Monotonic now() const = 0;
    [[nodiscard]] virtual Wall wall() const = 0;
};

class SystemClock final : public Clock {
  public:
    [[nodiscard]] Monotonic now() const override { return std::chrono::steady_clock::now(); }
    [[nodiscard]] Wall wall() const override { return std::chrono::system_clock::now(); }
};

/// RFC 3339 in UTC with milliseconds: 2026-01-31T12:00:00.000Z
[[nodiscard]] std::string rfc3339(std::chrono::sys_time<std::chrono::milliseconds> time);
[[nodiscard]] std::string rfc3339(Clock::Wall time);

/// With "Z" or an offset, to the millisecond; further digits are dropped. Nothing for anything else
/// (years before 1970 and after 2261, leap seconds).
[[nodiscard]] std::optional<Clock::Wall> parse_rfc3339(std::string_view text) noexcept;

}  // namespace sg
