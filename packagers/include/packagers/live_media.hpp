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
using WallTime = std::chrono::system_clock::time_point;

/// One moof+mdat: an LL-HLS part, a CMAF chunk.
struct LivePart {
    SharedBytes bytes;
    std::int64_t start = 0;     ///< presentation, track timescale, without K
    std::int64_t duration = 0;  ///< track timescale
    std::uint32_t samples = 0;
    bool independent = false;  ///< holds a key frame
};

/// Init segment with what it describes; segments between two discontinuities share one.
struct LiveInit {
    TrackDescription description;  ///< init_file is its name
    SharedBytes bytes;
};

/// A rendition's segment: while it is open it grows by parts.
struct LiveSegment {
    std::string epoch;          ///< of the packager that made it: in its URL
    std::int64_t number = 0;    ///< media sequence number, the same in all renditions
    std::int64_t start = 0;     ///< presentation, track timescale, without K
    std::int64_t duration = 0;  ///< so far; exact when closed
    std::vector<LivePart> parts;
    bool closed = false;
    bool independent = true;  ///< starts with a key frame
    /// Parameters or timeline changed before it: EXT-X-DISCONTINUITY, a new Period.
    bool discontinuity = false;
    bool gap = false;  ///< EXT-X-GAP: this rendition has nothing here
    /// Wall clock at its start.
    std::optional<WallTime> date;
    std::shared_ptr<const LiveInit> init;
    std::string date_ranges;  ///< lines of EXT-X-DATERANGE that were announced during it

    [[nodiscard]] std::uint64_t bytes() const;
    [[nodiscard]] std::uint32_t samples() const;
};

/// "k3x-17.m4s", "k3x-17.2.m4s", "k3x-17.ts": shared by HLS and DASH.
[[nodiscard]] std::string live_segment_name(const LiveSegment& segment);
[[nodiscard]] std::string live_part_name(const std::string& epoch,
                                         std::int64_t number,
                                         std::size_t part);
[[nodiscard]] std::string live_ts_name(const LiveSegment& segment);

}  // namespace sg::packagers
