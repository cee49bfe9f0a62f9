#pragma once

#include <cstdint>
#include <vector>

#include <packagers/segment.hpp>

namespace sg::packagers {

/// A part of a finished presentation within which everything is continuous. Between two of them
/// parameters may change, and renditions may come and go: EXT-X-DISCONTINUITY in HLS, a Period of
/// its own in DASH. Segment numbers go on from one to the next, and times are those of the whole
/// presentation.
struct Stretch {
    std::int64_t start_us = 0;  ///< on the presentation's timeline; the one before ends here
    std::vector<TrackIndex> tracks;
};

}  // namespace sg::packagers
