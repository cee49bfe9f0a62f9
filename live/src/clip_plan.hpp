#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <live/dvr_clip.hpp>

#include "clip_archive.hpp"

// What a clip is made of: pure choices, no media is read.

namespace sg::live {

struct ClipRange {
    packagers::WallTime from;
    packagers::WallTime to;
};

/// Segments that follow each other without a break, and the renditions that have all of them.
struct ClipStretch {
    std::vector<ClipKey> keys;
    std::vector<const ClipRendition*> present;  ///< pictures first
    /// Where it is cut off, on the clock of its segments; nothing: behind the last one.
    std::optional<std::int64_t> until_us;

    /// The segment that a key stands for: that of the first rendition.
    [[nodiscard]] const ClipSource& lead(std::size_t index) const;
    [[nodiscard]] std::int64_t origin_us() const { return lead(0).start_us(); }
    [[nodiscard]] std::int64_t end_us() const;
    [[nodiscard]] std::int64_t length_us() const { return end_us() - origin_us(); }
    [[nodiscard]] packagers::WallTime begins() const { return *lead(0).begins(); }
    [[nodiscard]] packagers::WallTime ends() const;
};

/// What the points mean for what is on disk; nothing when nothing there has a date.
[[nodiscard]] std::optional<ClipRange> range_of(const ClipArchive& archive,
                                                const ClipPoint& from,
                                                const ClipPoint& to);

/// Of segments that touch the range. When the archive has pictures, times without any are left out,
/// which `notes` says.
[[nodiscard]] std::vector<ClipStretch> stretches_in(const ClipArchive& archive,
                                                    const ClipRange& range,
                                                    std::vector<std::string>& notes);

/// A rendition of the clip.
struct ClipTrack {
    const ClipRendition* own = nullptr;
    /// It goes through all stretches, and so is in the HLS playlists.
    bool whole = false;
    /// Where its segments come from in each stretch: another rendition stands in where it has
    /// nothing itself. Null where a whole one is silent, or where another one has nothing.
    std::vector<const ClipRendition*> sources;
};

/// Renditions that are there for most of the time go through all of the clip, and one of each kind
/// at least; `notes` says what stands in for them, and which others HLS is without.
[[nodiscard]] std::vector<ClipTrack> choose_tracks(const ClipArchive& archive,
                                                   const std::vector<ClipStretch>& stretches,
                                                   std::vector<std::string>& notes);

}  // namespace sg::live
