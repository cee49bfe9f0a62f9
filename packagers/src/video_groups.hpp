#pragma once

#include <cstdint>
#include <span>
#include <tuple>
#include <vector>

#include <packagers/segment.hpp>

namespace sg::packagers {

/// The rungs between which a player may switch: one codec, one range (DESIGN 5). Borrows its
/// tracks, best first.
struct VideoGroup {
    std::tuple<VideoRange, int> key;  ///< range, then rank of the codec
    std::vector<const TrackIndex*> tracks;
};

/// SDR before HDR, and the most widely playable codec first.
[[nodiscard]] std::vector<VideoGroup> video_groups(std::span<const TrackIndex> tracks);

/// Frames in 1000 s over the whole track: for a track whose rate varies.
[[nodiscard]] std::uint32_t mean_frame_rate_milli(const TrackIndex& track);
/// Frames in 1000 s: its constant rate, else the mean.
[[nodiscard]] std::uint32_t frame_rate_milli(const TrackIndex& track);

}  // namespace sg::packagers
