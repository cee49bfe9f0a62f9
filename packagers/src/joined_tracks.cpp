#include "joined_tracks.hpp"

#include <algorithm>

#include <media/timestamp.hpp>

#include "video_groups.hpp"

namespace sg::packagers {
namespace {

std::uint64_t pixels(const TrackDescription& d) {
    return std::uint64_t{d.width} * d.height;
}

void join_picture(const TrackIndex& next, TrackDescription& whole) {
    const TrackDescription& d = next.description;
    if (pixels(d) > pixels(whole)) {
        whole.width = d.width;
        whole.height = d.height;
        whole.sar_num = d.sar_num;
        whole.sar_den = d.sar_den;
    }
    whole.range = std::max(whole.range, d.range);
}

void join(const TrackIndex& next, TrackIndex& whole) {
    const TrackDescription& d = next.description;
    add_codecs(d.codecs, whole.description.codecs);
    if (d.type == TrackType::kVideo) {
        const auto rate = std::max(frame_rate_milli(whole), frame_rate_milli(next));
        join_picture(next, whole.description);
        whole.description.frame_rate_num = rate;
        whole.description.frame_rate_den = 1000;
    } else {
        whole.description.channels = std::max(whole.description.channels, d.channels);
    }
    for (SegmentIndex segment : next.segments) {
        if (d.timescale != whole.description.timescale)
            segment.duration = media::mul_div(segment.duration,
                                              whole.description.timescale,
                                              d.timescale,
                                              media::Rounding::kNearest);
        whole.segments.push_back(std::move(segment));
    }
}

}  // namespace

void add_codecs(std::string_view more, std::string& codecs) {
    while (!more.empty()) {
        const std::string one(more.substr(0, more.find(',')));
        more.remove_prefix(std::min(one.size() + 1, more.size()));
        if ((',' + codecs + ',').find(',' + one + ',') == std::string::npos)
            codecs += (codecs.empty() ? "" : ",") + one;
    }
}

const TrackIndex* track_named(const Stretch& stretch, std::string_view rendition) {
    const auto found =
        std::find_if(stretch.tracks.begin(), stretch.tracks.end(), [&](const TrackIndex& t) {
            return t.description.rendition == rendition;
        });
    return found == stretch.tracks.end() ? nullptr : &*found;
}

std::vector<TrackIndex> joined_tracks(std::span<const Stretch> stretches) {
    std::vector<TrackIndex> out;
    if (stretches.empty()) return out;
    for (const TrackIndex& first : stretches.front().tracks) {
        TrackIndex whole = first;
        const bool everywhere =
            std::all_of(stretches.begin() + 1, stretches.end(), [&](const Stretch& stretch) {
                const TrackIndex* next = track_named(stretch, first.description.rendition);
                if (next != nullptr) join(*next, whole);
                return next != nullptr;
            });
        if (everywhere) out.push_back(std::move(whole));
    }
    return out;
}

}  // namespace sg::packagers
