#include "track_samples.hpp"

#include <algorithm>

namespace sg::test {
namespace {

using namespace packagers;

constexpr std::int64_t kFrameTicks = 512;
constexpr std::int64_t kGopFrames = 60;

void add_segment(TrackIndex& track,
                 std::int64_t frames,
                 std::int64_t frame_ticks,
                 std::int64_t gop_frames,
                 std::uint64_t bytes,
                 std::int64_t start) {
    SegmentIndex s;
    s.number = static_cast<std::int64_t>(track.segments.size()) + 1;
    s.start = start;
    s.duration = frames * frame_ticks;
    s.samples = static_cast<std::uint32_t>(frames);
    s.bytes = bytes;
    const std::int64_t fragments = (frames + gop_frames - 1) / gop_frames;
    for (std::int64_t i = 0; i < fragments; ++i) {
        FragmentIndex f;
        const std::uint64_t each = bytes / static_cast<std::uint64_t>(fragments);
        f.offset = each * static_cast<std::uint64_t>(i);
        f.bytes = i + 1 == fragments ? bytes - f.offset : each;
        f.key_bytes = f.bytes / 4;
        f.start = start + i * gop_frames * frame_ticks;
        f.duration = std::min(gop_frames, frames - i * gop_frames) * frame_ticks;
        s.fragments.push_back(f);
    }
    track.segments.push_back(s);
}

}  // namespace

TrackIndex video_track(const std::string& name,
                       std::uint32_t width,
                       std::uint32_t height,
                       const std::vector<std::int64_t>& frames,
                       const std::vector<std::uint64_t>& bytes) {
    TrackIndex track;
    TrackDescription& d = track.description;
    d.type = TrackType::kVideo;
    d.rendition = name;
    d.codecs = "avc1.640028";
    d.timescale = 15360;
    d.offset = 15360;
    d.init_file = "init-0123abcd.mp4";
    d.init_bytes = 700;
    d.width = width;
    d.height = height;
    d.frame_rate_num = 30;
    d.colour_primaries = d.transfer = d.matrix = 1;
    track.target_ms = 4000;
    std::int64_t start = 0;
    for (std::size_t i = 0; i < frames.size(); ++i) {
        add_segment(track, frames[i], kFrameTicks, kGopFrames, bytes[i], start);
        start += frames[i] * kFrameTicks;
    }
    return track;
}

TrackIndex audio_track(const std::string& name,
                       const std::string& language,
                       const std::string& label,
                       const std::vector<std::int64_t>& frames,
                       const std::vector<std::uint64_t>& bytes) {
    TrackIndex track;
    TrackDescription& d = track.description;
    d.type = TrackType::kAudio;
    d.rendition = name;
    d.codecs = "mp4a.40.2";
    d.timescale = 48000;
    d.offset = 48000;
    d.init_file = "init-89abcdef.mp4";
    d.init_bytes = 600;
    d.sample_rate = 48000;
    d.channels = 2;
    d.language = language;
    d.label = label;
    track.target_ms = 4000;
    std::int64_t start = -1024;
    for (std::size_t i = 0; i < frames.size(); ++i) {
        add_segment(track, frames[i], 1024, frames[i], bytes[i], start);
        start += frames[i] * 1024;
    }
    return track;
}

}  // namespace sg::test
