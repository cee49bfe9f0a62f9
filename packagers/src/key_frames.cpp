#include "key_frames.hpp"

#include <algorithm>

#include <formats/m3u8.hpp>

namespace sg::packagers {

std::vector<KeyFrame> key_frames(const TrackIndex& track) {
    std::vector<KeyFrame> out;
    std::uint64_t offset = track.single_file ? track.single_file->media_offset : 0;
    for (const SegmentIndex& s : track.segments) {
        for (const FragmentIndex& f : s.fragments) {
            if (f.key_bytes != 0)
                out.push_back({&s, offset + f.offset, f.key_bytes, f.duration});
            else if (!out.empty())
                out.back().duration += f.duration;
        }
        if (track.single_file) offset += s.bytes;
    }
    return out;
}

std::int64_t iframe_target_seconds(const TrackIndex& track) {
    std::int64_t longest = 0;
    for (const KeyFrame& key : key_frames(track)) longest = std::max(longest, key.duration);
    const std::int64_t timescale = std::max<std::int64_t>(1, track.description.timescale);
    // Half a microsecond up, so that the rounding of EXTINF cannot lift a duration above it.
    return formats::m3u8::target_seconds((longest * 1'000'000 + timescale / 2) / timescale + 1);
}

}  // namespace sg::packagers
