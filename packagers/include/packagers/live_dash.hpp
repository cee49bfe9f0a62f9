#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <formats/mpd.hpp>
#include <packagers/live_hls.hpp>

namespace sg::packagers {

/// A rendition within one Period.
struct LiveDashTrack {
    LiveRenditionSummary summary;
    std::string epoch;
    /// Of the first segment in `timeline`; with a fixed grid, of the Period's first ever.
    std::int64_t first_number = 0;
    /// Of the segments that can be asked for, times with K; empty with a fixed grid.
    std::vector<formats::mpd::TimelineEntry> timeline;
};

/// From one discontinuity to the next.
struct LiveDashPeriod {
    std::string id;
    std::int64_t start_us = 0;   ///< from availabilityStartTime
    std::int64_t origin_ns = 0;  ///< channel time that plays at `start_us`
    /// Of a Period that ends before the next one starts. (dash.js waits for segments in the hole
    /// between them otherwise.)
    std::optional<std::int64_t> duration_us;
    std::vector<LiveDashTrack> tracks;
};

struct LiveDashOptions {
    WallTime availability_start;
    WallTime published;
    std::int64_t minimum_update_us = 0;
    std::int64_t time_shift_us = 0;  ///< 0: everything stays
    std::int64_t suggested_delay_us = 0;
    std::int64_t max_segment_us = 0;
    std::string utc_timing_url;
    std::optional<std::int64_t> ended_us;  ///< length of the presentation, once it has ended

    /// Every segment lasts `grid_us`: @duration instead of a SegmentTimeline.
    std::int64_t grid_us = 0;
    /// With a grid: segments may be asked for while they are made, this long after their start.
    std::int64_t chunk_us = 0;
    std::int64_t target_latency_ms = 0;
};

/// Adds one segment to a timeline; runs of equal durations share an entry. `next`: where the
/// segment before ended.
void append_live_timeline(std::int64_t start,
                          std::int64_t duration,
                          std::optional<std::int64_t>& next,
                          std::vector<formats::mpd::TimelineEntry>& timeline);

/// manifest.mpd: dynamic, ISO/IEC 23009-1, one Period for each discontinuity, over the segments
/// that HLS names.
[[nodiscard]] std::string live_dash_manifest(std::span<const LiveDashPeriod> periods,
                                             const LiveDashOptions& options);

}  // namespace sg::packagers
