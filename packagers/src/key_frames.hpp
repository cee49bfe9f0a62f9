#pragma once

#include <cstdint>
#include <vector>

#include <packagers/segment.hpp>

namespace sg::packagers {

/// An entry of an I-frame playlist.
struct KeyFrame {
    const SegmentIndex* segment = nullptr;
    std::uint64_t offset =
        0;  ///< in the segment's resource: its file, or the rendition's single file
    std::uint64_t bytes = 0;
    std::int64_t duration = 0;  ///< to the next key frame or the end
};

/// Borrows the track's segments.
[[nodiscard]] std::vector<KeyFrame> key_frames(const TrackIndex& track);

/// EXT-X-TARGETDURATION of a finished I-frame playlist: its own, unlike that of all other
/// playlists.
[[nodiscard]] std::int64_t iframe_target_seconds(const TrackIndex& track);

}  // namespace sg::packagers
