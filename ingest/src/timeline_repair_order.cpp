#include "timeline_repair_order.hpp"

#include <algorithm>

namespace sg::ingest::repair {

namespace {

constexpr std::int64_t kMostDepth = 16;

}  // namespace

void DisplayOrder::configure(const LiveTrack& track) {
    *this = DisplayOrder();
    reader_.configure(track);
}

std::int64_t DisplayOrder::delay(std::span<const std::byte> unit, bool told) {
    told_ = told_ || told;
    if (told_ || reader_.bits() == 0) return 0;
    const auto count = reader_.read(unit);
    if (!count) return 0;
    std::int64_t order = count->low;
    if (count->refreshes) {
        active_ = active_ || reorders_;
        depth_ = depth_seen_;
    }
    if (count->restarts) {
        decoded_ = 0;
        highest_ = order;
    } else {
        ++decoded_;
        // The value nearest to the furthest picture so far.
        const std::int64_t range = std::int64_t{1} << reader_.bits();
        order += (highest_ - order + range / 2) / range * range;
        if (order > highest_ + range / 2) order -= range;
        if (order < highest_) reorders_ = true;
        highest_ = std::max(highest_, order);
        const std::int64_t distance = order > last_ ? order - last_ : last_ - order;
        if (distance > 0 && distance < step_) {
            step_ = distance;
            depth_seen_ = 0;
        }
    }
    last_ = order;
    if (decoded_ == 0) return active_ ? depth_ : 0;
    const std::int64_t ahead = order / step_ - decoded_;
    depth_seen_ = std::min(std::max(depth_seen_, -ahead), kMostDepth);
    return active_ ? std::clamp<std::int64_t>(ahead + depth_, 0, 2 * kMostDepth) : 0;
}

}  // namespace sg::ingest::repair
