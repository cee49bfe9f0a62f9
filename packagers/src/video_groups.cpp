#include "video_groups.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>

namespace sg::packagers {
namespace {

int codec_rank(std::string_view codecs) {
    const std::string_view fourcc = codecs.substr(0, 4);
    if (fourcc == "avc1" || fourcc == "avc3") return 0;
    if (fourcc == "hvc1" || fourcc == "hev1") return 1;
    if (fourcc == "vp09") return 2;
    if (fourcc == "av01") return 3;
    return 4;
}

/// Larger pictures first; of one size the one with more bytes.
std::tuple<std::uint64_t, std::uint64_t> quality(const TrackIndex& track) {
    std::uint64_t bytes = 0;
    for (const SegmentIndex& s : track.segments) bytes += s.bytes;
    return {std::uint64_t{track.description.width} * track.description.height, bytes};
}

}  // namespace

std::vector<VideoGroup> video_groups(std::span<const TrackIndex> tracks) {
    std::vector<VideoGroup> groups;
    for (const TrackIndex& t : tracks) {
        if (t.description.type != TrackType::kVideo) continue;
        const std::tuple key{t.description.range, codec_rank(t.description.codecs)};
        const auto found = std::find_if(
            groups.begin(), groups.end(), [&](const VideoGroup& g) { return g.key == key; });
        if (found == groups.end())
            groups.push_back({key, {&t}});
        else
            found->tracks.push_back(&t);
    }
    std::stable_sort(groups.begin(), groups.end(), [](const VideoGroup& a, const VideoGroup& b) {
        return a.key < b.key;
    });
    for (VideoGroup& g : groups)
        std::stable_sort(g.tracks.begin(), g.tracks.end(), [](const auto* a, const auto* b) {
            return quality(*a) > quality(*b);
        });
    return groups;
}

std::uint32_t mean_frame_rate_milli(const TrackIndex& track) {
    double frames = 0;
    double ticks = 0;
    for (const SegmentIndex& s : track.segments) {
        frames += s.samples;
        ticks += static_cast<double>(s.duration);
    }
    if (ticks <= 0) return 0;
    return static_cast<std::uint32_t>(
        std::lround(1000.0 * frames * track.description.timescale / ticks));
}

std::uint32_t frame_rate_milli(const TrackIndex& track) {
    const TrackDescription& d = track.description;
    if (d.frame_rate_num != 0 && d.frame_rate_den != 0)
        return static_cast<std::uint32_t>(
            std::lround(1000.0 * d.frame_rate_num / d.frame_rate_den));
    return mean_frame_rate_milli(track);
}

}  // namespace sg::packagers
