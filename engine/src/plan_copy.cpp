#include "plan_copy.hpp"

#include <algorithm>
#include <cstdlib>
#include <iterator>

#include <fmt/format.h>

#include "plan_colour.hpp"
#include "plan_size.hpp"

namespace sg::engine {
namespace {

using media::Rounding;

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kSecond = 1'000 * kMillisecond;
/// Key frames this close are at the same moment: containers round times to a millisecond.
constexpr std::int64_t kSameMoment = 2 * kMillisecond;
/// Past this a presentation cannot be switched or seeked in any useful way.
constexpr std::int64_t kLongestSegment = 30 * kSecond;
/// Sound cut off with less than this is not worth a word.
constexpr std::int64_t kNoticed = 50 * kMillisecond;

struct Copied {
    const ingest::StreamFacts* stream;
    const VideoIndex* index;
};

/// Why no stream segment can hold this stream as it is, wherever it is cut.
std::string stream_obstacle(const Planning& p, const ingest::StreamFacts& s) {
    if (!can_copy_video(s.codec))
        return fmt::format("players do not take {} video", s.codec_detail);
    if (s.encrypted) return "it is encrypted";
    // A segment has no place to say it: players would show it as it is stored.
    if (s.video.rotation != 0 || s.video.flip)
        return "its picture is turned, which segments cannot say";
    const bool jumps = std::any_of(
        p.index.jumps.begin(), p.index.jumps.end(), [](const Jump& j) { return j.kind != "wrap"; });
    if (jumps) return "the source's clock jumps";
    return {};
}

/// Presentation times of pictures that a segment can start with, in order.
std::vector<std::int64_t> clean_starts(const Planning& p, const VideoIndex& index) {
    std::vector<std::int64_t> times;
    for (const auto& k : index.key_frames) {
        // Those before the first picture shown were cut off by an edit list.
        const auto at = k.presentation_ns - p.origin_ns;
        if (k.idr && k.closed && at >= -kSameMoment) times.push_back(at);
    }
    std::sort(times.begin(), times.end());
    return times;
}

/// The times of `a` that `b` has too.
std::vector<std::int64_t> common(const std::vector<std::int64_t>& a,
                                 const std::vector<std::int64_t>& b) {
    std::vector<std::int64_t> both;
    std::copy_if(a.begin(), a.end(), std::back_inserter(both), [&](std::int64_t at) {
        const auto near = std::lower_bound(b.begin(), b.end(), at - kSameMoment);
        return near != b.end() && *near <= at + kSameMoment;
    });
    return both;
}

std::int64_t whole_seconds(std::int64_t ns) {
    return (ns + kSecond / 2) / kSecond;
}

std::int64_t longest_of(const std::vector<std::int64_t>& times) {
    std::int64_t longest = 0;
    for (std::size_t i = 1; i < times.size(); ++i)
        longest = std::max(longest, times[i] - times[i - 1]);
    return longest;
}

/// Of all possible starts the ones that make segments nearest to the wanted length, and the end.
std::vector<std::int64_t> cut_times(const Planning& p,
                                    const std::vector<std::int64_t>& starts,
                                    std::int64_t end) {
    const auto wanted = p.preset.packaging.segment_ms * kMillisecond;
    std::vector<std::int64_t> times{0};
    for (std::size_t i = 0; i < starts.size(); ++i) {
        const auto length = starts[i] - times.back();
        if (length <= kSameMoment || end - starts[i] <= kSameMoment) continue;
        const bool is_last = i + 1 == starts.size() || end - starts[i + 1] <= kSameMoment;
        const auto next = (is_last ? end : starts[i + 1]) - times.back();
        // Taken unless the next start is nearer to the wanted length.
        if (std::abs(length - wanted) <= std::abs(next - wanted) + kSameMoment)
            times.push_back(starts[i]);
    }
    times.push_back(end);
    const auto n = times.size();
    if (n > 2) {
        const auto merged = end - times[n - 3];
        const auto usual = longest_of({times.begin(), times.end() - 1});
        const auto last = end - times[n - 2];
        const bool fits_target =
            whole_seconds(merged) <= std::max<std::int64_t>(1, whole_seconds(usual));
        if ((last < kSecond / 2 && fits_target) || last < 2 * longest_audio_frame_ns(p))
            times.erase(times.end() - 2);
    }
    return times;
}

bool too_long(const Planning& p, const std::vector<std::int64_t>& times) {
    return longest_of(times) >
           std::max(kLongestSegment, 3 * p.preset.packaging.segment_ms * kMillisecond);
}

void describe(const ingest::StreamFacts& stream, pipeline::VideoRendition& r) {
    const auto& v = stream.video;
    r.codec = stream.codec;
    r.mode = pipeline::RenditionMode::kCopy;
    r.source_stream = stream.index;
    r.width = v.width;
    r.height = v.height;
    r.sar = believable_sar(v);
    r.pixel_format = v.pixel_format;
    r.colour = v.colour;
}

pipeline::VideoRendition copied_rendition(const Planning& p,
                                          const Copied& c,
                                          const std::vector<std::int64_t>& times) {
    const auto& v = c.stream->video;
    pipeline::VideoRendition r;
    describe(*c.stream, r);
    r.name = unique_name(p, fmt::format("{}p", std::min(v.width, v.height)));
    if (c.index->constant_rate && c.index->frame_rate.positive()) {
        // The exact grid instead of the container's rounded times.
        r.frame_rate = media::reduced(c.index->frame_rate);
        const auto scale = pipeline::video_timescale(r.frame_rate);
        r.timescale = scale.timescale;
        r.frame_duration = scale.frame_duration;
        const pipeline::FrameGrid grid{r.frame_rate, 0};
        for (const auto t : times)
            r.borders.push_back(grid.first_frame_showing(t) * r.frame_duration);
    } else {
        r.timescale = 90000;
        for (const auto t : times)
            r.borders.push_back(
                media::rescale(t, media::kNanoseconds, {1, r.timescale}, Rounding::kNearest));
    }
    return r;
}

/// Adds the other streams that players can switch to at the same moments, taking from `starts` what
/// they do not share.
void add_others(Planning& p,
                std::vector<Copied>& copied,
                std::vector<std::int64_t>& starts,
                std::int64_t end) {
    for (const auto& s : p.facts.streams) {
        if (&s == p.video || !s.is_playable_video()) continue;
        const auto* index = p.index.video_stream(s.index);
        if (index == nullptr || index->frames == 0) continue;  // said when streams were chosen
        const auto skip = [&](std::string why) {
            p.note("stream_skipped", fmt::format("stream {}", s.index), std::move(why));
        };
        if (auto why = stream_obstacle(p, s); !why.empty()) {
            skip(std::move(why));
            continue;
        }
        if (std::abs(index->first_ns - p.video_index->first_ns) > kNoticed ||
            std::abs(index->end_ns - p.video_index->end_ns) > kSecond / 2) {
            skip(
                "it does not run as long as the video that is shown, so players could not switch "
                "to it");
            continue;
        }
        auto shared = common(starts, clean_starts(p, *index));
        // One that shares few moments would make everybody's segments long.
        const auto tolerated = std::max(longest_of(cut_times(p, starts, end)),
                                        p.preset.packaging.segment_ms * kMillisecond * 3 / 2);
        if (shared.empty() || shared.front() > kSameMoment ||
            longest_of(cut_times(p, shared, end)) > tolerated) {
            skip(
                "its IDR pictures are not where the other video's are, so players could not switch "
                "to it");
            continue;
        }
        starts = std::move(shared);
        copied.push_back({&s, index});
    }
}

}  // namespace

Result<bool> plan_copied_video(Planning& p) {
    const auto refuse = [&](std::string reason) {
        p.note("copy_refused", kSource, std::move(reason) + "; it is encoded instead");
        return false;
    };
    if (auto why = stream_obstacle(p, *p.video); !why.empty()) return refuse(std::move(why));

    // Sound before the first picture would need a picture to be held, which is encoding: it is cut
    // there.
    set_origin(p, p.video_index->first_ns);
    // The last picture stays as long as there is sound: its sample just lasts longer.
    auto end = p.video_index->end_ns - p.origin_ns;
    std::int64_t held = 0;
    if (const auto sound = last_audio_ns(p); sound != media::kNoTime)
        held = std::max(held, sound - p.origin_ns - end);
    if (held <= kNoticed) held = 0;
    end += held;
    SG_TRY(check_duration(p, end));
    auto starts = clean_starts(p, *p.video_index);
    if (starts.empty() || starts.front() > kSameMoment)
        return refuse("it does not start with an IDR picture");
    if (const auto times = cut_times(p, starts, end); too_long(p, times)) {
        return refuse(fmt::format("segments cut at its IDR pictures would last up to {} s",
                                  longest_of(times) / kSecond));
    }
    std::vector<Copied> copied{{p.video, p.video_index}};
    add_others(p, copied, starts, end);
    const auto times = cut_times(p, starts, end);

    const auto wanted = p.preset.packaging.segment_ms * kMillisecond;
    if (const auto longest = longest_of(times); longest > wanted + wanted / 4) {
        p.note("long_gops",
               kSource,
               fmt::format("segments are cut at the source's own IDR pictures and last up to {} ms",
                           (longest + kMillisecond / 2) / kMillisecond));
    }
    if (held > 0) {
        p.note("picture_held",
               kSource,
               fmt::format("the sound goes on for {} ms after the last picture, which is held",
                           held / kMillisecond));
    }
    if (const auto sound = first_audio_ns(p);
        sound != media::kNoTime && sound < p.origin_ns - kNoticed) {
        p.note(
            "audio_cut",
            kSource,
            fmt::format("the first {} ms of sound come before the first picture and are left out",
                        (p.origin_ns - sound) / kMillisecond));
    }
    std::stable_sort(copied.begin(), copied.end(), [](const Copied& a, const Copied& b) {
        return a.stream->video.width * a.stream->video.height >
               b.stream->video.width * b.stream->video.height;
    });
    for (const auto& c : copied) p.plan.video.renditions.push_back(copied_rendition(p, c, times));

    const auto reference = std::find_if(
        p.plan.video.renditions.begin(), p.plan.video.renditions.end(), [&](const auto& r) {
            return r.source_stream == p.video->index;
        });
    p.borders = reference->borders;
    p.border_timescale = reference->timescale;
    return true;
}

std::string rung_copy_obstacle(const Planning& p, const std::vector<std::int64_t>& frame_borders) {
    if (auto why = stream_obstacle(p, *p.video); !why.empty()) return why;
    const auto& index = *p.video_index;
    const auto& grid = p.plan.video.grid;
    if (!index.constant_rate || media::compare(index.frame_rate, grid.rate) != 0)
        return "its frame rate is not that of the other renditions";
    if (!p.plan.video.source_filters.empty()) return "the other renditions are filtered";
    if (p.origin_ns != index.first_ns ||
        std::abs(grid.time_ns(grid.frames) - (index.end_ns - p.origin_ns)) > kSecond / 2) {
        return "the other renditions hold its first or last picture longer";
    }
    std::vector<std::int64_t> frames;
    for (const auto at : clean_starts(p, index)) frames.push_back(grid.first_frame_showing(at));
    for (std::size_t i = 0; i + 1 < frame_borders.size(); ++i) {
        if (!std::binary_search(frames.begin(), frames.end(), frame_borders[i])) {
            return fmt::format("it has no IDR picture {:.3f} s in, where a segment starts",
                               static_cast<double>(grid.time_ns(frame_borders[i])) / 1e9);
        }
    }
    return {};
}

pipeline::VideoRendition copied_onto_grid(const Planning& p, const pipeline::VideoRendition& rung) {
    pipeline::VideoRendition r;
    describe(*p.video, r);
    r.name = rung.name;
    r.frame_rate = p.plan.video.grid.rate;
    const auto scale = pipeline::video_timescale(r.frame_rate);
    r.timescale = scale.timescale;
    r.frame_duration = scale.frame_duration;
    return r;
}

}  // namespace sg::engine
