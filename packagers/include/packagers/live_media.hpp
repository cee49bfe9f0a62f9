#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <packagers/segment.hpp>

// What live packaging makes: parts as they close, segments over them. One presentation timeline for
// all renditions of a channel, in nanoseconds from the channel's origin; in media it carries K
// (DESIGN 4). Decode times are the input's own.

namespace sg::packagers {

using SharedBytes = std::shared_ptr<const std::vector<std::byte>>;

/// One moof+mdat: an LL-HLS part, a CMAF chunk.
struct LivePart {
    SharedBytes bytes;
    std::int64_t start = 0;     ///< presentation, track timescale, without K
    std::int64_t duration = 0;  ///< track timescale
    bool independent = false;   ///< starts with a key frame
};

/// A rendition's segment: while it is open it grows by parts.
struct LiveSegment {
    std::int64_t number = 0;       ///< media sequence number, the same in all renditions
    std::int64_t start = 0;        ///< presentation, track timescale, without K
    std::int64_t duration = 0;     ///< so far; exact when closed
    std::vector<LivePart> parts;
    bool closed = false;
    bool independent = true;
    /// Parameters or timeline changed before it: EXT-X-DISCONTINUITY, a new Period.
    bool discontinuity = false;
    bool gap = false;              ///< EXT-X-GAP: this rendition has nothing here
    /// Wall clock at its start.
    std::optional<std::chrono::system_clock::time_point> date;
    std::shared_ptr<const struct LiveInit> init;
    [[nodiscard]] std::uint64_t bytes() const;
};

/// Init segment with what it describes; segments between two discontinuities share one.
struct LiveInit {
    TrackDescription description;  ///< init_file is its name
    SharedBytes bytes;
};

}  // namespace sg::packagers
