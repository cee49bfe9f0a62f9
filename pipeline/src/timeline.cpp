#include <algorithm>
#include <utility>

#include <pipeline/timeline.hpp>

namespace sg::pipeline {

TimelineMap::TimelineMap(std::vector<TimelineEpoch> epochs) : epochs_(std::move(epochs)) {
    if (epochs_.empty()) epochs_.push_back({});
}

std::int64_t TimelineMap::to_presentation(std::int64_t time,
                                          media::Timebase timebase,
                                          std::int64_t position) const {
    if (time == media::kNoTime) return media::kNoTime;
    const auto after = std::upper_bound(
        epochs_.begin(), epochs_.end(), position, [](std::int64_t at, const TimelineEpoch& epoch) {
            return at < epoch.from_position;
        });
    const auto& epoch = after == epochs_.begin() ? epochs_.front() : *std::prev(after);
    // Rounded down, as FrameGrid::time_ns() is: a time exactly between two grid points stays on the
    // same side of it whatever the timebase.
    const auto ns = media::rescale(time, timebase, media::kNanoseconds, media::Rounding::kDown);
    constexpr media::Int128 kMost = std::numeric_limits<std::int64_t>::max();
    const auto sum = static_cast<media::Int128>(ns) + epoch.shift_ns;
    return static_cast<std::int64_t>(std::clamp(sum, -kMost, kMost));
}

}  // namespace sg::pipeline
