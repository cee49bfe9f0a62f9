#include <algorithm>
#include <cmath>
#include <vector>

#include <packagers/bandwidth.hpp>

#include "key_frames.hpp"

namespace sg::packagers {
namespace {

double bits(std::uint64_t bytes) {
    return 8.0 * static_cast<double>(bytes);
}

std::uint64_t rate(std::uint64_t bytes, std::int64_t duration, std::uint32_t timescale) {
    if (duration <= 0) return 0;
    return static_cast<std::uint64_t>(
        std::ceil(bits(bytes) * timescale / static_cast<double>(duration)));
}

std::vector<TimedBytes> segment_bytes(const TrackIndex& track) {
    std::vector<TimedBytes> out;
    out.reserve(track.segments.size());
    for (const SegmentIndex& s : track.segments) out.push_back({s.bytes, s.duration});
    return out;
}

/// Whether a client at `bandwidth` never waits, whichever segment it starts at. A segment's last
/// bit must have come when the segments before it have played: bits(i..j) <= bandwidth * (buffer +
/// duration(i..j-1)) for all i <= j.
bool sustains(std::span<const TimedBytes> segments,
              double timescale,
              double bandwidth,
              double buffer_seconds) {
    double owed = 0;  // largest bits(i..j-1) - bandwidth * duration(i..j-1) over all i
    for (const TimedBytes& s : segments) {
        const double due = owed + bits(s.bytes);
        if (due > bandwidth * buffer_seconds) return false;
        owed = std::max(0.0, due - bandwidth * static_cast<double>(s.duration) / timescale);
    }
    return true;
}

}  // namespace

Bitrate measured_bitrate(std::span<const TimedBytes> segments,
                         std::uint32_t timescale,
                         std::int64_t target_seconds) {
    Bitrate out;
    std::uint64_t all_bytes = 0;
    std::int64_t all_duration = 0;
    std::uint64_t largest_single = 0;
    const std::int64_t target = target_seconds * timescale;
    for (std::size_t i = 0; i < segments.size(); ++i) {
        all_bytes += segments[i].bytes;
        all_duration += segments[i].duration;
        largest_single =
            std::max(largest_single, rate(segments[i].bytes, segments[i].duration, timescale));
        std::uint64_t run_bytes = 0;
        std::int64_t run_duration = 0;
        for (std::size_t j = i; j < segments.size(); ++j) {
            run_bytes += segments[j].bytes;
            run_duration += segments[j].duration;
            if (2 * run_duration > 3 * target) break;
            if (2 * run_duration >= target)
                out.peak = std::max(out.peak, rate(run_bytes, run_duration, timescale));
        }
    }
    out.average = rate(all_bytes, all_duration, timescale);
    if (out.peak == 0) out.peak = largest_single;
    out.peak = std::max(out.peak, out.average);
    return out;
}

Bitrate measured_bitrate(const TrackIndex& track, std::int64_t target_seconds) {
    return measured_bitrate(segment_bytes(track), track.description.timescale, target_seconds);
}

Bitrate measured_iframe_bitrate(const TrackIndex& track, std::int64_t target_seconds) {
    std::vector<TimedBytes> frames;
    for (const KeyFrame& key : key_frames(track)) frames.push_back({key.bytes, key.duration});
    return measured_bitrate(frames, track.description.timescale, target_seconds);
}

std::uint64_t sustained_bandwidth(const TrackIndex& track, std::int64_t min_buffer_ms) {
    const std::vector<TimedBytes> segments = segment_bytes(track);
    const double timescale = track.description.timescale;
    const double buffer = static_cast<double>(min_buffer_ms) / 1000.0;
    if (segments.empty() || buffer <= 0 || timescale <= 0) return 0;
    std::uint64_t total = 0;
    std::int64_t duration = 0;
    for (const TimedBytes& s : segments) {
        total += s.bytes;
        duration += s.duration;
    }
    std::uint64_t low =
        std::max<std::uint64_t>(1, rate(total, duration, track.description.timescale));
    std::uint64_t high = std::max(low, static_cast<std::uint64_t>(std::ceil(bits(total) / buffer)));
    while (low < high) {
        const std::uint64_t middle = low + (high - low) / 2;
        if (sustains(segments, timescale, static_cast<double>(middle), buffer))
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

}  // namespace sg::packagers
