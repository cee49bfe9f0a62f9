#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace sg::protocols {

/// A bound on what a peer may send for long: bytes a second, on average over kSpan. Not
/// thread-safe.
class RateLimit {
  public:
    using Time = std::chrono::steady_clock::time_point;
    static constexpr std::chrono::seconds kSpan{10};

    /// 0: none.
    explicit RateLimit(std::size_t bytes_per_second)
        : rate_(static_cast<double>(bytes_per_second)) {}

    /// Counts what has come. How long it should take until more comes; zero while all is well.
    std::chrono::nanoseconds add(std::size_t bytes, Time now) {
        if (rate_ == 0) return {};
        const std::chrono::duration<double> passed = now - last_;
        last_ = now;
        level_ = std::max(0.0, level_ - passed.count() * rate_) + static_cast<double>(bytes);
        const double over = level_ - rate_ * static_cast<double>(kSpan.count());
        if (over <= 0) return {};
        return std::chrono::duration_cast<std::chrono::nanoseconds>(
            std::chrono::duration<double>(over / rate_));
    }

  private:
    double rate_;
    double level_ = 0;  ///< bytes that have not been paid for by time
    Time last_{};
};

}  // namespace sg::protocols
