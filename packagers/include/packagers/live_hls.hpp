#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <packagers/bandwidth.hpp>
#include <packagers/live_media.hpp>

// Texts of live HLS playlists, RFC 8216 and draft-pantos-hls-rfc8216bis, in pieces: what stands for
// a closed segment never changes, so that a new part costs its own lines only.

namespace sg::packagers {

enum class LiveContainer { kCmaf, kTs };

struct LiveSegmentText {
    LiveContainer container = LiveContainer::kCmaf;
    bool map = false;    ///< EXT-X-MAP: the init segment is another than the one before
    bool parts = false;  ///< EXT-X-PART
};
/// All lines of a segment; without EXTINF and URI while it is open. EXTINF is the difference of two
/// rounded times, so that sums do not drift.
void append_live_segment(const LiveSegment& segment, const LiveSegmentText& how, std::string& out);

/// What stands before the first segment.
struct LivePlaylistHead {
    LiveContainer container = LiveContainer::kCmaf;
    std::int64_t target_seconds = 0;
    std::int64_t media_sequence = 0;
    std::int64_t discontinuity_sequence = 0;
    bool event = false;
    bool independent = true;
    bool gaps = false;
    bool blocking_reload = false;
    bool can_skip = false;
    std::int64_t part_target_us = 0;  ///< 0: no parts
    std::int64_t skipped = 0;         ///< delta update: EXT-X-SKIP
    std::string_view map_uri;         ///< for a first segment whose own lines have none
};
[[nodiscard]] std::string live_playlist_head(const LivePlaylistHead& head);

/// CAN-SKIP-UNTIL: what is further than this from the end may be left out of a delta update.
[[nodiscard]] constexpr std::int64_t live_skip_boundary_us(std::int64_t target_seconds) {
    return 6'000'000 * target_seconds;
}

void append_preload_hint(std::string_view uri, std::string& out);
void append_rendition_report(std::string_view rendition,
                             std::int64_t last_msn,
                             std::optional<std::int64_t> last_part,
                             std::string& out);

/// Presentation times to microseconds, half up.
[[nodiscard]] std::int64_t live_micros(std::int64_t ticks, std::uint32_t timescale);

/// One rendition as the multivariant playlist and the MPD tell of it.
struct LiveRenditionSummary {
    TrackDescription description;
    Bitrate bitrate;            ///< proven bound, or observed with margin
    std::uint32_t samples = 0;  ///< of some time of it, for the frame rate
    std::int64_t duration = 0;  ///< of them, track timescale
    bool independent = true;    ///< all segments so far
};

/// index.m3u8 over <rendition>/index.m3u8, audio groups and all.
[[nodiscard]] std::string live_multivariant(std::span<const LiveRenditionSummary> renditions);

/// ts.m3u8 over <rendition>/ts.m3u8: the renditions whose segments are transport streams as well,
/// with the bit rates of those, and the sound that is inside them.
[[nodiscard]] std::string live_ts_multivariant(std::span<const LiveRenditionSummary> renditions,
                                               const std::optional<TrackDescription>& sound);

}  // namespace sg::packagers
