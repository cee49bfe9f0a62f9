#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include <ingest/live_unit.hpp>

#include "picture_order.hpp"

namespace sg::ingest::repair {

/// Display order of H.264 and HEVC pictures whose sender gives decode times only, from their
/// picture order counts (ITU-T H.264 section 8.2.1.1, H.265 section 8.3.1). Acts only once it has
/// seen pictures that are shown before ones decoded earlier while no display time was ever given.
class DisplayOrder {
  public:
    void configure(const LiveTrack& track);

    /// Pictures by which this one is shown after its decode time. `told`: the sender gave a display
    /// time, or times that do not ascend, which ends this for good.
    std::int64_t delay(std::span<const std::byte> unit, bool told);

  private:
    PictureOrderReader reader_;
    bool told_ = false;
    bool reorders_ = false;
    bool active_ = false;
    std::int64_t decoded_ = 0;  ///< pictures since counting started
    std::int64_t highest_ = 0;
    std::int64_t last_ = 0;
    std::int64_t step_ = std::numeric_limits<std::int64_t>::max();  ///< counts a picture
    std::int64_t depth_seen_ = 0;
    std::int64_t depth_ = 0;
};

}  // namespace sg::ingest::repair
