#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>

namespace sg::live {

/// How long to wait before the next attempt: each time twice as long, a random part of it, so that
/// many inputs of one server that comes back do not knock all at once.
class PullBackoff {
  public:
    using Milliseconds = std::chrono::milliseconds;

    static constexpr Milliseconds kFirst{500};
    static constexpr Milliseconds kLongest{15'000};

    explicit PullBackoff(std::uint64_t seed) : random_(seed) {}

    /// Between half of the step and all of it.
    [[nodiscard]] Milliseconds next() {
        const auto step = step_;
        step_ = std::min(step_ * 2, kLongest);
        std::uniform_int_distribution<Milliseconds::rep> part(step.count() / 2, step.count());
        return Milliseconds(part(random_));
    }
    /// It worked.
    void reset() { step_ = kFirst; }

  private:
    std::mt19937_64 random_;
    Milliseconds step_ = kFirst;
};

}  // namespace sg::live
