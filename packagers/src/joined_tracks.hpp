#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <packagers/stretch.hpp>

namespace sg::packagers {

/// Adds those of a comma-separated list that another one lacks.
void add_codecs(std::string_view more, std::string& codecs);

/// Null when the stretch lacks it.
[[nodiscard]] const TrackIndex* track_named(const Stretch& stretch, std::string_view rendition);

/// Each rendition that all stretches have as one track, for what is said of the whole: all its
/// segments, and the largest of what changes.
[[nodiscard]] std::vector<TrackIndex> joined_tracks(std::span<const Stretch> stretches);

}  // namespace sg::packagers
