#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sg::ingest {

/// A coded picture or audio frame on its channel's one timeline, after repair: nanoseconds from the
/// channel's origin, the same for all tracks.
struct TimedUnit {
    int track = 0;
    std::int64_t pts_ns = 0;
    std::int64_t dts_ns = 0;      ///< strictly ascending within a track, never above pts_ns
    std::int64_t arrival_ns = 0;  ///< steady clock; earlier than now when it was held back
    bool key = false;
    bool damaged = false;
    std::vector<std::byte> data;
};

}  // namespace sg::ingest
