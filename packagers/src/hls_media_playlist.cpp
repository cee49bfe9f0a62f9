#include <algorithm>

#include <fmt/format.h>

#include <formats/m3u8.hpp>
#include <packagers/hls_presentation.hpp>

#include "joined_tracks.hpp"
#include "key_frames.hpp"
#include "uri_path.hpp"

namespace sg::packagers {
namespace {

using namespace formats;

/// Ticks to microseconds, half up; `ticks` of a day at the highest timescale in use fit.
std::int64_t micros(std::int64_t ticks, std::uint32_t timescale) {
    const std::int64_t scale = timescale;
    const std::int64_t whole = ticks / scale;
    return whole * 1'000'000 + ((ticks % scale) * 1'000'000 + scale / 2) / scale;
}

/// Durations that add up: each is the difference of two rounded points on the track's own clock.
class DurationClock {
  public:
    explicit DurationClock(std::uint32_t timescale) : timescale_(timescale) {}

    std::int64_t next_us(std::int64_t duration) {
        const std::int64_t before = micros(now_, timescale_);
        now_ += duration;
        return micros(now_, timescale_) - before;
    }

  private:
    std::uint32_t timescale_;
    std::int64_t now_ = 0;
};

/// What is the same as before is not written again.
void add_map(const TrackIndex& track, m3u8::Media& list) {
    m3u8::Map map;
    if (track.single_file)
        map = {uri_segment(track.single_file->name),
               m3u8::ByteRange{0, track.description.init_bytes}};
    else if (!track.description.init_file.empty())
        map = {uri_segment(track.description.init_file), std::nullopt};
    else
        return;
    if (list.maps.empty() || list.maps.back() != map) list.maps.push_back(std::move(map));
}

m3u8::Media start_playlist(const TrackIndex& track, const MediaPlaylistOptions& options) {
    m3u8::Media list;
    list.target_seconds = options.target_seconds;
    list.type = options.type;
    list.ended = options.ended;
    list.media_sequence =
        track.segments.empty() ? 1 : static_cast<std::uint64_t>(track.segments.front().number);
    add_map(track, list);
    return list;
}

std::string segment_uri(const TrackIndex& track, const SegmentIndex& segment) {
    if (track.single_file) return uri_segment(track.single_file->name);
    const bool is_ts = track.description.init_file.empty();
    return fmt::format("seg-{}.{}", segment.number, is_ts ? "ts" : "m4s");
}

void add_segments(const TrackIndex& track, m3u8::Media& list) {
    DurationClock clock(track.description.timescale);
    std::uint64_t offset = track.single_file ? track.single_file->media_offset : 0;
    const std::size_t first = list.segments.size();
    for (const SegmentIndex& s : track.segments) {
        m3u8::Segment entry;
        entry.uri = segment_uri(track, s);
        entry.duration_us = clock.next_us(s.duration);
        if (!list.maps.empty()) entry.map = list.maps.size() - 1;
        if (track.single_file) entry.range = m3u8::ByteRange{offset, s.bytes};
        offset += s.bytes;
        list.segments.push_back(std::move(entry));
        list.independent_segments &= s.independent;
    }
    if (first < list.segments.size()) list.segments[first].program_date_time_ms = track.date_ms;
}

std::int64_t longest_us(const TrackIndex& track) {
    DurationClock clock(track.description.timescale);
    std::int64_t longest = 0;
    for (const SegmentIndex& s : track.segments)
        longest = std::max(longest, clock.next_us(s.duration));
    return longest;
}

}  // namespace

std::int64_t final_target_seconds(std::span<const TrackIndex> tracks) {
    std::int64_t longest = 0;
    for (const TrackIndex& t : tracks) longest = std::max(longest, longest_us(t));
    return m3u8::target_seconds(longest);
}

std::int64_t planned_target_seconds(std::span<const TrackIndex> tracks) {
    std::int64_t seconds = final_target_seconds(tracks);
    for (const TrackIndex& t : tracks)
        seconds = std::max(seconds, m3u8::target_seconds(t.target_ms * 1000));
    return seconds;
}

std::int64_t final_target_seconds(std::span<const Stretch> stretches) {
    std::int64_t seconds = 1;
    for (const Stretch& s : stretches) seconds = std::max(seconds, final_target_seconds(s.tracks));
    return seconds;
}

std::string media_playlist(const TrackIndex& track, const MediaPlaylistOptions& options) {
    m3u8::Media list = start_playlist(track, options);
    list.independent_segments = true;
    add_segments(track, list);
    return m3u8::write(list);
}

std::string media_playlist(std::span<const Stretch> stretches,
                           std::string_view rendition,
                           const MediaPlaylistOptions& options) {
    m3u8::Media list;
    for (const Stretch& stretch : stretches) {
        const TrackIndex* track = track_named(stretch, rendition);
        if (track == nullptr || track->segments.empty()) continue;
        const std::size_t first = list.segments.size();
        if (first == 0) {
            list = start_playlist(*track, options);
            list.independent_segments = true;
        } else {
            add_map(*track, list);
        }
        add_segments(*track, list);
        list.segments[first].discontinuity = first != 0;
    }
    return m3u8::write(list);
}

std::string iframe_playlist(const TrackIndex& track, const MediaPlaylistOptions& options) {
    m3u8::Media list = start_playlist(track, options);
    list.iframes_only = true;
    list.media_sequence = 1;
    if (options.ended) list.target_seconds = iframe_target_seconds(track);
    DurationClock clock(track.description.timescale);
    for (const KeyFrame& key : key_frames(track)) {
        m3u8::Segment entry;
        entry.uri = segment_uri(track, *key.segment);
        entry.duration_us = clock.next_us(key.duration);
        if (!list.maps.empty()) entry.map = 0;
        entry.range = m3u8::ByteRange{key.offset, key.bytes};
        list.segments.push_back(std::move(entry));
    }
    return m3u8::write(list);
}

}  // namespace sg::packagers
