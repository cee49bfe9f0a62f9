#include "plan_parts.hpp"

#include "plan_ladder.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>
#include <transcoders/filters.hpp>

namespace sg::engine {
namespace {

using media::Rational;
using media::Rounding;

constexpr std::int64_t kSecond = 1'000'000'000;

/// Sound that starts this little before the pictures is cut instead of delaying them by a repeated first picture.
constexpr std::int64_t kAudioLeadCut = 50'000'000;
/// Sound that goes on this much longer than the pictures holds the last one.
constexpr std::int64_t kHoldPicture = 100'000'000;
/// A shorter last segment joins the one before.
constexpr std::int64_t kShortestLastSegment = kSecond / 2;

/// A varying rate is shown on the standard grid nearest to its most frequent distance between pictures.
Rational usual_rate(const VideoIndex& index) {
    static constexpr std::array<Rational, 14> kStandard{{{24000, 1001},
                                                         {24, 1},
                                                         {25, 1},
                                                         {30000, 1001},
                                                         {30, 1},
                                                         {48, 1},
                                                         {50, 1},
                                                         {60000, 1001},
                                                         {60, 1},
                                                         {25, 2},
                                                         {12, 1},
                                                         {15, 1},
                                                         {10, 1},
                                                         {5, 1}}};
    double rate = index.frame_rate.as_double();
    if (!index.deltas.empty() && index.deltas.front().delta_ns > 0) {
        rate = std::max(rate, 1e9 / static_cast<double>(index.deltas.front().delta_ns));
    }
    const Rational* best = &kStandard[0];
    for (const auto& candidate : kStandard) {
        if (std::abs(candidate.as_double() - rate) < std::abs(best->as_double() - rate)) best = &candidate;
    }
    // An integer rate is preferred to its NTSC neighbour only when it is nearer; far outside the table the average itself is used.
    if (std::abs(best->as_double() - rate) > 0.2 * rate) return media::reduced({static_cast<std::int64_t>(std::llround(rate * 1000)), 1000});
    return *best;
}

Rational choose_rate(Planning& p) {
    const auto& index = *p.video_index;
    Rational rate = index.frame_rate;
    if (!index.constant_rate) {
        rate = usual_rate(index);
        p.note("rate_made_constant",
               p.facts.name,
               fmt::format("the frame rate varies ({:.3f} on average); pictures are shown on a grid of {}", index.frame_rate.as_double(), media::to_string(rate)));
    }
    if (!rate.positive()) {
        rate = {25, 1};
        p.note("rate_unknown", p.facts.name, "there is only one picture; it is shown at 25 frames a second");
    }
    if (p.preset.deinterlace.output == presets::FieldOutput::kField && !p.plan.video.source_filters.empty()) {
        rate = media::reduced({rate.num * 2, rate.den});
        p.note("rate_of_fields", p.facts.name, "each field becomes a picture of its own");
    }
    const auto& policy = p.preset.video.frame_rate;
    const Rational wanted{policy.rate.num, policy.rate.den};
    if (policy.mode == presets::FrameRateMode::kFixed) {
        if (media::compare(rate, wanted) != 0) {
            p.note("rate_changed", p.facts.name, fmt::format("from {} to the preset's {}", media::to_string(rate), media::to_string(wanted)));
        }
        rate = wanted;
    } else if (policy.mode == presets::FrameRateMode::kMax) {
        std::int64_t divisor = 1;
        while (media::compare({rate.num, rate.den * divisor}, wanted) > 0) ++divisor;
        if (divisor > 1) {
            rate = media::reduced({rate.num, rate.den * divisor});
            p.note("rate_reduced", p.facts.name, fmt::format("every {}. picture is shown: {} frames a second", divisor, media::to_string(rate)));
        }
    }
    // Players and segment lengths need at least a picture every half second.
    if (media::compare(rate, {2, 1}) < 0) {
        std::int64_t factor = 2;
        while (media::compare({rate.num * factor, rate.den}, {2, 1}) < 0) ++factor;
        p.note("rate_raised", p.facts.name, fmt::format("{} frames a second is too low for players; each picture is shown {} times", media::to_string(rate), factor));
        rate = media::reduced({rate.num * factor, rate.den});
    }
    return rate;
}

void choose_source_filters(Planning& p) {
    using presets::Deinterlace;
    const auto& v = p.video->video;
    const bool may_be_interlaced = v.interlaced || (v.field_order == "unknown" && (p.video->codec_detail == "mpeg2video" ||
                                                                                  p.video->codec_detail == "dvvideo" ||
                                                                                  p.video->codec_detail == "vc1"));
    const auto mode = p.preset.deinterlace.mode;
    if (mode == Deinterlace::kOff || (mode == Deinterlace::kAuto && !may_be_interlaced)) return;
    const auto which = mode == Deinterlace::kAlways ? transcoders::DeinterlaceWhich::kAll : transcoders::DeinterlaceWhich::kFlagged;
    auto order = transcoders::FieldOrder::kAuto;
    const auto output = p.preset.deinterlace.output == presets::FieldOutput::kField ? transcoders::DeinterlaceOutput::kField
                                                                                   : transcoders::DeinterlaceOutput::kFrame;
    p.plan.video.source_filters = transcoders::deinterlace_filters(output, which, order);
    p.note("deinterlaced", p.facts.name, v.interlaced ? fmt::format("the source is interlaced ({})", v.field_order) : "frames that say they are interlaced are deinterlaced");
}

void choose_origin_and_length(Planning& p, Rational rate) {
    const auto v0 = p.video_index->first_ns;
    const auto a0 = first_audio_ns(p);
    std::int64_t origin = v0;
    const pipeline::FrameGrid unit{rate, 0};
    if (a0 != media::kNoTime && a0 < v0 - std::max(kAudioLeadCut, unit.time_ns(1))) {
        // The grid keeps the phase of the source's own pictures, so sound and picture stay exactly as far apart as they were.
        const auto frames = media::mul_div(v0 - a0, rate.num, rate.den * kSecond, Rounding::kUp);
        origin = v0 - unit.time_ns(frames);
        p.note("video_starts_late", p.facts.name, fmt::format("the first picture comes {} ms after the sound; it is shown from the start", (v0 - a0) / 1'000'000));
    } else if (a0 != media::kNoTime && a0 > v0 + kAudioLeadCut) {
        p.note("audio_starts_late", p.facts.name, fmt::format("the sound starts {} ms after the picture; silence fills the start", (a0 - v0) / 1'000'000));
    }
    set_origin(p, origin);

    const auto end = p.video_index->end_ns - origin;
    auto frames = std::max<std::int64_t>(1, media::mul_div(end, rate.num, rate.den * kSecond, Rounding::kNearest));
    const auto a1 = last_audio_ns(p);
    if (a1 != media::kNoTime && a1 - origin > pipeline::FrameGrid{rate, frames}.time_ns(frames) + kHoldPicture) {
        const auto longer = media::mul_div(a1 - origin, rate.num, rate.den * kSecond, Rounding::kUp);
        p.note("picture_held", p.facts.name, fmt::format("the sound goes on for {} ms after the last picture, which is held", (a1 - p.video_index->end_ns) / 1'000'000));
        frames = longer;
    }
    p.plan.video.grid = {rate, frames};
}

/// The last key frame from which all that frame `first` needs can be decoded.
pipeline::SeekPoint seek_point(const Planning& p, std::int64_t first_frame) {
    if (first_frame == 0 || p.index.seek == pipeline::SeekMethod::kScan) return {};
    std::int64_t context = 0;
    for (const auto& f : p.plan.video.source_filters) context += f.frames_before;
    const auto usual = std::max(p.video_index->min_delta_ns, p.plan.video.grid.time_ns(1));
    const auto needed = p.plan.video.grid.time_ns(first_frame) + p.origin_ns - context * usual;
    const KeyFrame* best = nullptr;
    for (const auto& k : p.video_index->key_frames) {
        if (k.presentation_ns <= needed && (best == nullptr || k.presentation_ns >= best->presentation_ns)) best = &k;
    }
    if (best == nullptr) return {};
    return {best->pts, best->dts, best->position};
}

void cut_chunks(Planning& p, const std::vector<std::int64_t>& frame_borders, bool one_chunk) {
    const auto segments = static_cast<std::int64_t>(frame_borders.size()) - 1;
    const auto chunk_ns = p.preset.video.chunk_ms * 1'000'000;
    const auto total_ns = p.plan.video.grid.time_ns(p.plan.video.grid.frames);
    auto count = one_chunk ? 1 : std::clamp<std::int64_t>((total_ns + chunk_ns / 2) / chunk_ns, 1, segments);
    for (std::int64_t i = 0; i < count; ++i) {
        pipeline::Chunk chunk;
        chunk.first_segment = segments * i / count;
        chunk.segments = segments * (i + 1) / count - chunk.first_segment;
        const auto first = static_cast<std::size_t>(chunk.first_segment);
        chunk.first_frame = frame_borders[first];
        chunk.frames = frame_borders[first + static_cast<std::size_t>(chunk.segments)] - chunk.first_frame;
        chunk.start = seek_point(p, chunk.first_frame);
        p.plan.video.chunks.push_back(chunk);
    }
}

}  // namespace

Status plan_encoded_video(Planning& p) {
    auto& video = p.plan.video;
    video.source_stream = p.video->index;
    choose_source_filters(p);
    const auto rate = choose_rate(p);
    choose_origin_and_length(p, rate);
    SG_TRY(plan_ladder(p));

    std::int64_t slowest = 1;  // frames of the base grid that every rung's frame grid divides
    for (const auto& r : video.renditions) slowest = std::lcm(slowest, r.frame_divisor);

    const auto frames_in = [&](std::int64_t ms, std::int64_t unit) {
        return std::max<std::int64_t>(1, media::mul_div(ms * 1'000'000, rate.num, rate.den * kSecond * unit, Rounding::kNearest)) * unit;
    };
    const auto gop = frames_in(p.preset.video.gop_ms, slowest);
    const auto gop_ns = video.grid.time_ns(gop);
    const auto gops = std::max<std::int64_t>(1, (p.preset.packaging.segment_ms * 1'000'000 + gop_ns / 2) / gop_ns);
    const auto per_segment = gop * gops;
    // A slower rung shows whole frames only: the length is a multiple of its step.
    video.grid.frames = (video.grid.frames + slowest - 1) / slowest * slowest;

    // RFC 8216 4.3.3.1: a segment's duration, rounded, must not exceed the target; the last may grow as far as that allows.
    const auto segment_ns = video.grid.time_ns(per_segment);
    const auto target_s = std::max<std::int64_t>(1, (segment_ns + kSecond / 2) / kSecond);
    const auto room_ns = target_s * kSecond + kSecond / 2 - 1'000'000 - segment_ns;
    const auto least_last_ns = std::clamp<std::int64_t>(room_ns, 0, kShortestLastSegment);
    const auto least_last = media::mul_div(least_last_ns, rate.num, rate.den * kSecond, Rounding::kDown);
    const auto frame_borders = pipeline::segment_borders(video.grid.frames, per_segment, least_last);

    bool one_chunk = false;
    for (auto& r : video.renditions) {
        r.encoder.gop_frames = gop / r.frame_divisor;
        for (const auto b : frame_borders) r.borders.push_back(b / r.frame_divisor * r.frame_duration);
        one_chunk = one_chunk || p.preset.video.rate_control == presets::RateControl::kBitrate;
    }
    if (one_chunk && frame_borders.size() > 2) {
        p.note("one_chunk", p.facts.name, "a fixed bitrate is kept over the whole film by one encoder, so it is not cut into chunks");
    }
    SG_TRY(resolve_encoders(p));
    cut_chunks(p, frame_borders, one_chunk);

    const auto base = pipeline::video_timescale(rate);
    p.border_timescale = base.timescale;
    for (const auto b : frame_borders) p.borders.push_back(b * base.frame_duration);
    return {};
}

}  // namespace sg::engine
