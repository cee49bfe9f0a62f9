#include "plan_parts.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace sg::engine {
namespace {

using media::Rounding;

/// A key frame this close to a border is on it: containers round times to a millisecond.
constexpr std::int64_t kSameMoment = 2'000'000;
/// Past this a presentation cannot be switched or seeked in any useful way.
constexpr std::int64_t kLongestSegment = 30'000'000'000;

bool starts_segment(const KeyFrame& k) { return k.idr && k.closed; }

struct Copied {
    const ingest::StreamFacts* stream;
    const VideoIndex* index;
};

/// Times (presentation ns) at which the reference stream can be cut, about one preset segment apart, and the end.
std::vector<std::int64_t> cut_times(const Planning& p, const VideoIndex& index) {
    const auto wanted = p.preset.packaging.segment_ms * 1'000'000;
    const auto end = index.end_ns - p.origin_ns;
    std::vector<std::int64_t> times{0};
    for (const auto& k : index.key_frames) {
        const auto at = k.presentation_ns - p.origin_ns;
        if (starts_segment(k) && at - times.back() >= wanted - kSameMoment && end - at > kSameMoment) times.push_back(at);
    }
    // A last segment under half a second joins the one before.
    if (times.size() > 1 && end - times.back() < 500'000'000) times.pop_back();
    times.push_back(end);
    return times;
}

bool can_be_cut_at(const Planning& p, const VideoIndex& index, const std::vector<std::int64_t>& times) {
    auto next = times.begin();
    for (const auto& k : index.key_frames) {
        const auto at = k.presentation_ns - p.origin_ns;
        while (next != times.end() - 1 && at > *next + kSameMoment) return false;
        if (next != times.end() - 1 && starts_segment(k) && at >= *next - kSameMoment) ++next;
        if (next == times.end() - 1) return true;
    }
    return false;
}

pipeline::VideoRendition copied_rendition(Planning& p, const Copied& c, const std::vector<std::int64_t>& times) {
    const auto& v = c.stream->video;
    pipeline::VideoRendition r;
    r.name = unique_name(p, fmt::format("{}p", std::min(v.width, v.height)));
    r.codec = c.stream->codec;
    r.mode = pipeline::RenditionMode::kCopy;
    r.source_stream = c.stream->index;
    r.width = v.width;
    r.height = v.height;
    r.sar = v.sar.positive() ? v.sar : media::Rational{1, 1};
    r.pixel_format = v.pixel_format;
    r.colour = v.colour;
    if (c.index->constant_rate && c.index->frame_rate.positive()) {
        // The exact grid instead of the container's rounded times.
        r.frame_rate = c.index->frame_rate;
        const auto scale = pipeline::video_timescale(r.frame_rate);
        r.timescale = scale.timescale;
        r.frame_duration = scale.frame_duration;
        const pipeline::FrameGrid grid{r.frame_rate, 0};
        for (const auto t : times) r.borders.push_back(grid.first_frame_showing(t) * r.frame_duration);
    } else {
        r.timescale = 90000;
        for (const auto t : times) r.borders.push_back(media::rescale(t, media::kNanoseconds, {1, r.timescale}, Rounding::kNearest));
    }
    return r;
}

}  // namespace

Result<bool> plan_copied_video(Planning& p) {
    const auto refuse = [&](std::string reason) {
        p.note("copy_refused", p.facts.name, std::move(reason) + "; it is encoded instead");
        return false;
    };
    if (!can_copy_video(p.video->codec)) {
        return refuse(fmt::format("players do not take {} video", p.video->codec_detail));
    }
    if (p.index.timeline.epochs().size() > 1) return refuse("the source's clock jumps");
    if (p.video_index->key_frames.empty()) return refuse("it has no key frame");

    // Sound that starts before the first picture cannot be shown with a held picture without encoding one: it is cut there.
    set_origin(p, p.video_index->first_ns);
    const auto times = cut_times(p, *p.video_index);
    std::int64_t longest = 0;
    for (std::size_t i = 1; i < times.size(); ++i) longest = std::max(longest, times[i] - times[i - 1]);
    if (longest > std::max(kLongestSegment, 3 * p.preset.packaging.segment_ms * 1'000'000)) {
        return refuse(fmt::format("its IDR pictures are up to {} s apart, too far to cut segments", longest / 1'000'000'000));
    }
    const auto wanted = p.preset.packaging.segment_ms * 1'000'000;
    if (longest > wanted + wanted / 4) {
        p.note("long_gops", p.facts.name, fmt::format("segments are cut at the source's own IDR pictures and last up to {} ms", longest / 1'000'000));
    }

    std::vector<Copied> copied{{p.video, p.video_index}};
    for (const auto& s : p.facts.streams) {
        if (&s == p.video || !s.is_playable_video()) continue;
        const auto* index = p.index.video_stream(s.index);
        const auto subject = fmt::format("stream {}", s.index);
        if (index == nullptr || index->frames == 0 || !can_copy_video(s.codec)) {
            p.note("stream_skipped", subject, "players do not take its codec");
        } else if (std::abs(index->first_ns - p.video_index->first_ns) > 50'000'000 || std::abs(index->end_ns - p.video_index->end_ns) > 500'000'000) {
            p.note("stream_skipped", subject, "it does not run as long as the video that is shown, so players could not switch to it");
        } else if (!can_be_cut_at(p, *index, times)) {
            p.note("stream_skipped", subject, "its IDR pictures are not where the other video's are, so players could not switch to it");
        } else {
            copied.push_back({&s, index});
        }
    }
    std::stable_sort(copied.begin(), copied.end(), [](const Copied& a, const Copied& b) {
        return a.stream->video.width * a.stream->video.height > b.stream->video.width * b.stream->video.height;
    });
    for (const auto& c : copied) p.plan.video.renditions.push_back(copied_rendition(p, c, times));

    const auto reference = std::find_if(p.plan.video.renditions.begin(), p.plan.video.renditions.end(), [&](const auto& r) { return r.source_stream == p.video->index; });
    p.borders = reference->borders;
    p.border_timescale = reference->timescale;
    return true;
}

}  // namespace sg::engine
