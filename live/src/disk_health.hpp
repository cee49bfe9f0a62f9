#pragma once

#include <mutex>
#include <string_view>

#include <base/clock.hpp>
#include <base/result.hpp>

namespace sg::live {

/// Says once that the disk fails and once that it works again, however many writes fail meanwhile.
/// Any thread.
class DiskHealth {
  public:
    explicit DiskHealth(const Clock& clock) : clock_(clock) {}

    void report(const Status& written);
    /// The queue in front of the disk had no room.
    void too_slow(std::string_view channel);

  private:
    void failed(std::string_view event, std::string_view text);

    const Clock& clock_;
    std::mutex mutex_;
    bool failing_ = false;
    Clock::Monotonic last_failure_{};
};

}  // namespace sg::live
