#pragma once

#include <cstdint>
#include <span>

#include <packagers/segment.hpp>

namespace sg::packagers {

/// Bits per second, container included, rounded up.
struct Bitrate {
    std::uint64_t peak = 0;
    std::uint64_t average = 0;
    bool operator==(const Bitrate&) const = default;
};

/// One segment, or one I-frame of an I-frame playlist, as a client loads it.
struct TimedBytes {
    std::uint64_t bytes = 0;
    std::int64_t duration = 0;  ///< in the timescale that is given with it
};

/// Peak and average segment bit rate as RFC 8216 §4.1 defines them: the peak is the largest bit
/// rate of any run of segments whose duration is between 0.5 and 1.5 target durations, so a short
/// last segment never counts alone. When the whole is shorter than half a target duration no run
/// qualifies, and the peak is the largest of a single segment. The peak is never below the average.
[[nodiscard]] Bitrate measured_bitrate(std::span<const TimedBytes> segments,
                                       std::uint32_t timescale,
                                       std::int64_t target_seconds);

/// Of a track's segments.
[[nodiscard]] Bitrate measured_bitrate(const TrackIndex& track, std::int64_t target_seconds);

/// Of a video track's I-frame playlist: each I-frame lasts to the next one.
[[nodiscard]] Bitrate measured_iframe_bitrate(const TrackIndex& track, std::int64_t target_seconds);

/// Smallest @bandwidth that holds with @minBufferTime (ISO/IEC 23009-1 §5.3.5.2): a client that
/// starts at any segment and receives at this rate, and begins to play when bandwidth *
/// minBufferTime bits have come, never waits for a segment. Not below the average.
[[nodiscard]] std::uint64_t sustained_bandwidth(const TrackIndex& track,
                                                std::int64_t min_buffer_ms);

}  // namespace sg::packagers
