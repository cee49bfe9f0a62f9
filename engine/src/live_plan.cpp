#include "live_plan.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include <engine/live_preset.hpp>
#include <engine/planner.hpp>
#include <media_av/libav.hpp>

namespace sg::engine {
namespace {

using media::CodecId;
using media::Rational;
using presets::Preset;

constexpr std::int64_t kMillisecond = 1'000'000;

presets::VideoCodec encodable(presets::VideoCodec codec) {
    return codec == presets::VideoCodec::kCopy ? presets::VideoCodec::kH264 : codec;
}

/// What makes a preset for films one for live: nothing is copied, and encoders keep nothing back.
Status make_live(Preset& preset, std::chrono::milliseconds segment) {
    SG_TRY(check_live_preset(preset));
    auto& video = preset.video;
    video.codec = encodable(video.codec);
    const bool x26x =
        video.codec == presets::VideoCodec::kH264 || video.codec == presets::VideoCodec::kHevc;
    video.lookahead.reset();
    video.b_frames.reset();
    if (x26x) {
        video.tune = "zerolatency";
        video.b_frames = 0;
    }
    for (auto& rung : video.ladder) {
        if (rung.codec) rung.codec = encodable(*rung.codec);
        const auto codec = rung.codec.value_or(video.codec);
        rung.tune.reset();
        if (codec == presets::VideoCodec::kH264 || codec == presets::VideoCodec::kHevc)
            rung.tune = "zerolatency";
        if (codec == presets::VideoCodec::kVp9)
            rung.encoder_options.emplace("deadline", "realtime");
    }
    for (auto& rung : preset.audio.renditions) {
        if (rung.codec == presets::AudioCodec::kCopy) rung.codec = presets::AudioCodec::kAac;
        rung.copy_only.clear();
    }
    const auto gops = std::max<std::int64_t>(
        1, (segment.count() + video.gop_ms / 2) / std::max<std::int64_t>(1, video.gop_ms));
    video.gop_ms = segment.count() / gops;
    preset.packaging.segment_ms = segment.count();
    preset.packaging.formats = {presets::Format::kHlsCmaf, presets::Format::kDash};
    return {};
}

std::string pixel_format(const formats::VideoFacts& v) {
    static constexpr std::array kChroma{"gray", "yuv420p", "yuv422p", "yuv444p"};
    std::string name = kChroma[std::min<std::size_t>(v.chroma_format, 3)];
    if (v.bit_depth > 8) name += fmt::format("{}le", v.bit_depth);
    return name;
}

ingest::StreamFacts stream_facts(const LiveSeen& seen, int index) {
    const auto& track = seen.track;
    ingest::StreamFacts s;
    s.index = index;
    s.codec = codec_id(track.codec);
    s.codec_detail = std::string(media::codec_name(s.codec));
    s.timebase = media::kNanoseconds;
    s.language = track.language;
    s.language_tag = ingest::language_tag(track.language);
    s.decodable = true;
    s.disposition.is_default = index == 0;
    if (formats::is_video(track.codec)) {
        const auto& from = track.video;
        s.type = media::MediaType::kVideo;
        auto& v = s.video;
        v.width = v.coded_width = static_cast<int>(from.width);
        v.height = v.coded_height = static_cast<int>(from.height);
        if (from.sar_num > 0 && from.sar_den > 0) v.sar = {from.sar_num, from.sar_den};
        v.pixel_format = pixel_format(from);
        v.bit_depth = static_cast<int>(from.bit_depth);
        v.colour = {static_cast<int>(from.colour_primaries),
                    static_cast<int>(from.transfer),
                    static_cast<int>(from.matrix),
                    from.full_range};
        v.declared_rate = v.average_rate = v.true_rate = seen.rate;
        v.interlaced = from.interlaced;
        v.field_order = from.interlaced ? "tt" : "progressive";
    } else {
        s.type = media::MediaType::kAudio;
        auto& a = s.audio;
        a.sample_rate = static_cast<int>(track.audio.sample_rate);
        a.channels = static_cast<int>(track.audio.channels);
        a.frame_samples = static_cast<int>(track.audio.samples_per_frame);
        AVChannelLayout layout{};
        av_channel_layout_default(&layout, a.channels);
        char name[64] = {};
        if (av_channel_layout_describe(&layout, name, sizeof name) > 0) a.layout = name;
        av_channel_layout_uninit(&layout);
    }
    return s;
}

VideoIndex video_index(const LiveSeen& seen, int stream, std::int64_t length_ns) {
    VideoIndex index;
    index.stream = stream;
    index.constant_rate = true;
    index.frame_rate = seen.rate;
    index.frames = std::max<std::int64_t>(
        2,
        media::mul_div(
            length_ns, seen.rate.num, seen.rate.den * 1'000'000'000, media::Rounding::kDown));
    const auto frame_ns =
        media::mul_div(1'000'000'000, seen.rate.den, seen.rate.num, media::Rounding::kNearest);
    index.min_delta_ns = index.max_delta_ns = frame_ns;
    index.deltas = {{frame_ns, index.frames - 1}};
    index.first_ns = 0;
    index.last_ns = length_ns - frame_ns;
    index.end_ns = length_ns;
    return index;
}

/// Where GOPs are not a whole number of frames, one may be a frame longer than another: the
/// encoder's own limit must not come first.
void relax_gop(pipeline::VideoRendition& r) {
    for (auto& [key, value] : r.encoder.options) {
        if (key == "g") value = std::to_string(r.encoder.gop_frames + 2);
    }
}

}  // namespace

CodecId codec_id(formats::Codec codec) {
    switch (codec) {
        case formats::Codec::kH264:
            return CodecId::kH264;
        case formats::Codec::kHevc:
            return CodecId::kHevc;
        case formats::Codec::kAv1:
            return CodecId::kAv1;
        case formats::Codec::kVp9:
            return CodecId::kVp9;
        case formats::Codec::kAac:
            return CodecId::kAac;
        case formats::Codec::kOpus:
            return CodecId::kOpus;
        case formats::Codec::kAc3:
            return CodecId::kAc3;
        case formats::Codec::kEac3:
            return CodecId::kEac3;
        case formats::Codec::kFlac:
            return CodecId::kFlac;
        case formats::Codec::kMp3:
            return CodecId::kMp3;
    }
    return CodecId::kUnknown;
}

Status check_live_preset(const Preset& preset) {
    for (const auto& rung : preset.video.ladder) {
        if (rung.codec.value_or(preset.video.codec) != presets::VideoCodec::kAv1) continue;
        return Error{
            Errc::kUnsupported,
            fmt::format("rung {} is AV1, whose encoder cannot start a GOP where it is told "
                        "to; use H.264, HEVC or VP9 for live channels",
                        rung.name)};
    }
    return {};
}

Rational live_rate(Rational measured, const formats::VideoFacts& said) {
    static constexpr std::array<Rational, 15> kStandard{{{24000, 1001},
                                                         {24, 1},
                                                         {25, 1},
                                                         {30000, 1001},
                                                         {30, 1},
                                                         {48, 1},
                                                         {50, 1},
                                                         {60000, 1001},
                                                         {60, 1},
                                                         {5, 1},
                                                         {10, 1},
                                                         {12, 1},
                                                         {15, 1},
                                                         {20, 1},
                                                         {120, 1}}};
    const auto near = [&](Rational rate, double tolerance) {
        return rate.positive() && measured.positive() &&
               std::abs(rate.as_double() / measured.as_double() - 1) <= tolerance;
    };
    const auto claimed = media::reduced({said.frame_rate_num, said.frame_rate_den});
    if (claimed.positive() && (near(claimed, 0.06) || !measured.positive())) return claimed;
    if (!measured.positive()) return {30, 1};
    const auto distance = [&](Rational rate) {
        return std::abs(rate.as_double() - measured.as_double());
    };
    const auto* best = std::min_element(
        kStandard.begin(), kStandard.end(), [&](const Rational& a, const Rational& b) {
            return distance(a) < distance(b);
        });
    if (near(*best, 0.06)) return *best;
    const auto tenths = std::clamp<std::int64_t>(std::llround(measured.as_double() * 10), 10, 2400);
    return media::reduced({tenths, 10});
}

Result<LivePlan> make_live_plan(const std::string& channel,
                                std::span<const LiveSeen> tracks,
                                Preset preset,
                                std::chrono::milliseconds segment) {
    if (auto status = make_live(preset, segment); !status)
        return status.error().within("plan " + channel);
    const auto length_ns = segment.count() * kMillisecond;
    ingest::SourceFacts facts;
    facts.name = channel;
    facts.demuxer = "live";
    facts.duration_ns = length_ns;
    Index index;
    index.demuxer = "live";
    for (std::size_t i = 0; i < tracks.size(); ++i) {
        const auto stream = static_cast<int>(i);
        facts.streams.push_back(stream_facts(tracks[i], stream));
        if (formats::is_video(tracks[i].track.codec)) {
            index.video.push_back(video_index(tracks[i], stream, length_ns));
            continue;
        }
        AudioIndex audio;
        audio.stream = stream;
        audio.packets = 1;
        audio.first_ns = audio.last_ns = 0;
        audio.end_ns = length_ns;
        index.audio.push_back(std::move(audio));
    }
    LivePlan live;
    SG_TRY_ASSIGN(live.plan, make_plan(facts, index, {}, preset));
    live.gop_ns = preset.video.gop_ms * kMillisecond;
    live.segment_gops = std::max<std::int64_t>(1, segment.count() / preset.video.gop_ms);
    auto& video = live.plan.video;
    for (const auto& r : video.renditions) live.gop_step = std::lcm(live.gop_step, r.frame_divisor);
    const auto ticks = media::Int128(preset.video.gop_ms) * video.grid.rate.num;
    if (ticks % (media::Int128(1000) * video.grid.rate.den * live.gop_step) != 0) {
        for (auto& r : video.renditions) relax_gop(r);
    }
    // However many come.
    for (auto& r : live.plan.audio) r.samples = -1;
    return live;
}

}  // namespace sg::engine
