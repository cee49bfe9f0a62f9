#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <unordered_map>

#include <base/clock.hpp>

namespace sg::live {

/// Distinct clients of the last half minute: HTTP has no other notion of a viewer. Any thread.
class ViewerCount {
  public:
    static constexpr auto kWindow = std::chrono::seconds(30);
    /// Past this many the count stays there until some are forgotten.
    static constexpr std::size_t kMost = 100'000;

    void seen(std::uint64_t client, Clock::Monotonic now) {
        const std::lock_guard lock(mutex_);
        if (const auto found = last_.find(client); found != last_.end()) {
            found->second = now;
            return;
        }
        if (now - swept_ > kWindow) sweep(now);
        if (last_.size() < kMost) last_.emplace(client, now);
    }

    [[nodiscard]] std::uint64_t count(Clock::Monotonic now) const {
        const std::lock_guard lock(mutex_);
        sweep(now);
        return last_.size();
    }

  private:
    void sweep(Clock::Monotonic now) const {
        std::erase_if(last_, [now](const auto& each) { return now - each.second > kWindow; });
        swept_ = now;
    }

    mutable std::mutex mutex_;
    mutable std::unordered_map<std::uint64_t, Clock::Monotonic> last_;
    mutable Clock::Monotonic swept_{};
};

}  // namespace sg::live
