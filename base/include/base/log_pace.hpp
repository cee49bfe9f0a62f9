#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>

#include <base/clock.hpp>

namespace sg {

/// For a fault that comes many times a second as long as its cause lasts: it is logged at once, and
/// then each minute. Any thread.
class LogPace {
  public:
    /// It came again. How often it has since it was logged last, if it is to be logged now.
    [[nodiscard]] std::optional<std::uint64_t> due(Clock::Monotonic now) {
        const std::lock_guard lock(mutex_);
        ++times_;
        if (logged_ && now - *logged_ < std::chrono::minutes(1)) return std::nullopt;
        logged_ = now;
        return std::exchange(times_, 0);
    }

  private:
    std::mutex mutex_;
    std::uint64_t times_ = 0;
    std::optional<Clock::Monotonic> logged_;
};

}  // namespace sg
