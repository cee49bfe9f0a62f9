#pragma once

#include <span>
#include <vector>

#include <packagers/live_hls.hpp>

namespace sg::packagers {

/// The shape that the builders of presentations take: one segment that stands for all.
[[nodiscard]] std::vector<TrackIndex> live_tracks(std::span<const LiveRenditionSummary> renditions);

}  // namespace sg::packagers
