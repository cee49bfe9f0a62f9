#pragma once

#include <span>

#include <formats/mpd.hpp>
#include <packagers/segment.hpp>

namespace sg::packagers {

/// The adaptation sets of these tracks. Of live tracks, bandwidth and segment information are the
/// caller's to replace.
[[nodiscard]] formats::mpd::Period dash_period(std::span<const TrackIndex> tracks);

}  // namespace sg::packagers
