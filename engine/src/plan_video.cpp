#include <algorithm>
#include <iterator>
#include <numeric>

#include <fmt/format.h>

#include "plan_filters.hpp"
#include "plan_ladder.hpp"
#include "plan_parts.hpp"
#include "plan_rate.hpp"

namespace sg::engine {
namespace {

using media::Rational;
using media::Rounding;
using pipeline::FrameGrid;
using pipeline::RenditionMode;

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kSecond = 1'000 * kMillisecond;

/// Sound that starts this little before the pictures is cut instead of delaying them by a repeated
/// first picture.
constexpr std::int64_t kAudioLeadCut = 50 * kMillisecond;
/// Sound that goes on this much longer than the pictures holds the last one.
constexpr std::int64_t kHoldPicture = 100 * kMillisecond;
/// Encoders are told GOPs of at most this many frames.
constexpr std::int64_t kLongestGop = 1000;

std::int64_t frames_in(std::int64_t ns, Rational rate, Rounding rounding) {
    return media::mul_div(ns, rate.num, rate.den * kSecond, rounding);
}

Status choose_origin_and_length(Planning& p, Rational rate) {
    const auto v0 = p.video_index->first_ns;
    const auto a0 = first_audio_ns(p);
    std::int64_t origin = v0;
    const FrameGrid unit{rate, 0};
    if (a0 != media::kNoTime && a0 < v0 - std::max(kAudioLeadCut, unit.time_ns(1))) {
        SG_TRY(check_duration(p, v0 - a0));
        // The grid keeps the phase of the source's own pictures, so sound and picture stay exactly
        // as far apart as they were.
        origin = v0 - unit.time_ns(frames_in(v0 - a0, rate, Rounding::kUp));
        p.note(
            "video_starts_late",
            kSource,
            fmt::format("the first picture comes {} ms after the sound; it is shown from the start",
                        (v0 - a0) / kMillisecond));
    } else if (a0 != media::kNoTime && a0 > v0 + kAudioLeadCut) {
        p.note("audio_starts_late",
               kSource,
               fmt::format("the sound starts {} ms after the picture; silence fills the start",
                           (a0 - v0) / kMillisecond));
    }
    set_origin(p, origin);

    const auto end = p.video_index->end_ns - origin;
    auto frames = std::max<std::int64_t>(1, frames_in(end, rate, Rounding::kNearest));
    const auto a1 = last_audio_ns(p);
    if (a1 != media::kNoTime && a1 - origin > unit.time_ns(frames) + kHoldPicture) {
        frames = frames_in(a1 - origin, rate, Rounding::kUp);
        p.note("picture_held",
               kSource,
               fmt::format("the sound goes on for {} ms after the last picture, which is held",
                           (a1 - p.video_index->end_ns) / kMillisecond));
    }
    p.plan.video.grid = {rate, frames};
    return check_duration(p, std::max(end, unit.time_ns(frames)));
}

struct Cut {
    std::int64_t gop = 0;               ///< frames of the base grid
    std::vector<std::int64_t> borders;  ///< frame numbers where segments start, and the end
};

/// GOPs and segments in whole frames of every rung.
Cut cut_segments(Planning& p) {
    auto& grid = p.plan.video.grid;
    std::int64_t unit = 1;  // frames of the base grid that every rung's step divides
    for (const auto& r : p.plan.video.renditions) unit = std::lcm(unit, r.frame_divisor);
    const auto gop_of = [&](std::int64_t ns) {
        return std::max<std::int64_t>(
                   1,
                   media::mul_div(
                       ns, grid.rate.num, grid.rate.den * kSecond * unit, Rounding::kNearest)) *
               unit;
    };
    Cut cut;
    auto gop_ns = p.preset.video.gop_ms * kMillisecond;
    for (cut.gop = gop_of(gop_ns); cut.gop > kLongestGop && gop_ns > kSecond / 4;
         cut.gop = gop_of(gop_ns))
        gop_ns /= 2;
    const auto gops =
        std::max<std::int64_t>(1,
                               media::mul_div(p.preset.packaging.segment_ms * kMillisecond,
                                              grid.rate.num,
                                              grid.rate.den * kSecond * cut.gop,
                                              Rounding::kNearest));
    const auto per_segment = cut.gop * gops;
    // A slower rung shows whole frames only: the length is a multiple of its step.
    grid.frames = (grid.frames + unit - 1) / unit * unit;
    const auto least_last =
        frames_in(shortest_last_segment_ns(p, grid.time_ns(per_segment)), grid.rate, Rounding::kUp);
    cut.borders = pipeline::segment_borders(grid.frames, per_segment, least_last);
    return cut;
}

/// How far before a picture the filters look, when gaps may lie there.
std::int64_t context_ns(const Planning& p) {
    std::int64_t pictures = 0;
    for (const auto& f : p.plan.video.source_filters) pictures += f.frames_before;
    if (pictures == 0) return 0;
    const auto& index = *p.video_index;
    const auto usual = index.deltas.empty()
                           ? p.plan.video.grid.time_ns(1)
                           : std::max(index.deltas.front().delta_ns, index.min_delta_ns);
    return std::clamp(index.max_delta_ns, usual, std::max(usual, kSecond)) + (pictures - 1) * usual;
}

std::vector<const KeyFrame*> in_order_of_time(const std::vector<KeyFrame>& key_frames) {
    std::vector<const KeyFrame*> sorted;
    sorted.reserve(key_frames.size());
    for (const auto& k : key_frames) sorted.push_back(&k);
    std::stable_sort(sorted.begin(), sorted.end(), [](const KeyFrame* a, const KeyFrame* b) {
        return a->presentation_ns < b->presentation_ns;
    });
    return sorted;
}

/// The last key frame from which all that frame `first` needs can be decoded.
pipeline::SeekPoint seek_point(const Planning& p,
                               const std::vector<const KeyFrame*>& key_frames,
                               std::int64_t first_frame,
                               std::int64_t context) {
    if (first_frame == 0 || p.index.seek == pipeline::SeekMethod::kScan) return {};
    const auto needed = p.plan.video.grid.time_ns(first_frame) + p.origin_ns - context;
    const auto after = std::upper_bound(
        key_frames.begin(), key_frames.end(), needed, [](std::int64_t at, const KeyFrame* k) {
            return at < k->presentation_ns;
        });
    if (after == key_frames.begin()) return {};
    const auto& k = **std::prev(after);
    return {k.pts, k.dts, k.position};
}

void cut_chunks(Planning& p, const std::vector<std::int64_t>& frame_borders, bool one_chunk) {
    const auto segments = static_cast<std::int64_t>(frame_borders.size()) - 1;
    const auto chunk_ns = p.preset.video.chunk_ms * kMillisecond;
    const auto& grid = p.plan.video.grid;
    const auto total_ns = grid.time_ns(grid.frames);
    const auto context = context_ns(p);
    const auto key_frames = in_order_of_time(p.video_index->key_frames);
    const auto count =
        one_chunk ? 1 : std::clamp<std::int64_t>((total_ns + chunk_ns - 1) / chunk_ns, 1, segments);
    for (std::int64_t i = 0; i < count; ++i) {
        pipeline::Chunk chunk;
        chunk.first_segment = segments * i / count;
        chunk.segments = segments * (i + 1) / count - chunk.first_segment;
        const auto first = static_cast<std::size_t>(chunk.first_segment);
        chunk.first_frame = frame_borders[first];
        chunk.frames =
            frame_borders[first + static_cast<std::size_t>(chunk.segments)] - chunk.first_frame;
        chunk.start = seek_point(p, key_frames, chunk.first_frame, context);
        p.plan.video.chunks.push_back(chunk);
    }
}

}  // namespace

Status plan_encoded_video(Planning& p) {
    auto& video = p.plan.video;
    video.source_stream = p.video->index;
    choose_source_filters(p);
    const auto rate = choose_rate(p);
    SG_TRY(choose_origin_and_length(p, rate));
    SG_TRY_ASSIGN(auto ladder, plan_ladder(p));
    const auto cut = cut_segments(p);
    settle_copied_rungs(p, ladder, cut.borders);
    plan_cascade(p);

    for (auto& r : video.renditions) {
        if (r.mode == RenditionMode::kEncode) r.encoder.gop_frames = cut.gop / r.frame_divisor;
        for (const auto b : cut.borders)
            r.borders.push_back(b / r.frame_divisor * r.frame_duration);
    }
    SG_TRY(resolve_encoders(p, ladder));

    const bool one_chunk = p.preset.video.rate_control == presets::RateControl::kBitrate;
    if (one_chunk && cut.borders.size() > 2) {
        p.note("one_chunk",
               kSource,
               "a fixed bitrate is kept over the whole film by one encoder, so it is not cut into "
               "chunks");
    }
    if (!ladder.rungs.empty()) {
        cut_chunks(p, cut.borders, one_chunk);
    } else {
        video.source_stream = -1;
        video.branches.clear();
    }

    const auto base = pipeline::video_timescale(rate);
    p.border_timescale = base.timescale;
    for (const auto b : cut.borders) p.borders.push_back(b * base.frame_duration);
    return {};
}

}  // namespace sg::engine
