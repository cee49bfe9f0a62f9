#include "live_plan.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <string_view>

#include <fmt/format.h>

#include <engine/live_preset.hpp>
#include <engine/planner.hpp>
#include <media_av/libav.hpp>
#include <pipeline/packaged_codec.hpp>
#include <transcoders/encoder_settings.hpp>

#include "picture_branch.hpp"

namespace sg::engine {
namespace {

using media::CodecId;
using media::Rational;
using presets::Preset;

constexpr std::int64_t kMillisecond = 1'000'000;
/// Without low latency: what x264's own presets have.
constexpr int kBFrames = 3;
constexpr int kLookAhead = 40;
/// More than what sizes in whole pairs of pixels make of one shape.
constexpr double kOtherShape = 0.03;

presets::VideoCodec encodable(presets::VideoCodec codec) {
    return codec == presets::VideoCodec::kCopy ? presets::VideoCodec::kH264 : codec;
}

bool is_x26x(presets::VideoCodec codec) {
    return codec == presets::VideoCodec::kH264 || codec == presets::VideoCodec::kHevc;
}

/// Encoders keep no picture back, or so many that it makes half a second.
void set_delay(presets::Video& video, bool low_latency, Rational rate) {
    if (is_x26x(video.codec) && !low_latency) {
        const auto half = static_cast<int>(rate.as_double() / 2);
        video.b_frames = std::min(video.b_frames.value_or(kBFrames), kBFrames);
        video.lookahead =
            std::clamp(half - *video.b_frames, 1, video.lookahead.value_or(kLookAhead));
        return;
    }
    video.lookahead.reset();
    video.b_frames.reset();
    if (is_x26x(video.codec)) video.b_frames = 0;
}

/// What makes a preset for films one for live: nothing is copied, and encoders keep little back.
Status make_live(Preset& preset, const LiveAims& aims, Rational rate) {
    SG_TRY(check_live_preset(preset));
    const auto segment = aims.segment;
    auto& video = preset.video;
    video.codec = encodable(video.codec);
    set_delay(video, aims.low_latency, rate);
    if (aims.low_latency && is_x26x(video.codec)) video.tune = "zerolatency";
    for (auto& rung : video.ladder) {
        if (rung.codec) rung.codec = encodable(*rung.codec);
        const auto codec = rung.codec.value_or(video.codec);
        if (aims.low_latency || codec != video.codec) {
            rung.tune.reset();
            if (is_x26x(codec)) rung.tune = "zerolatency";
        }
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
    s.codec = pipeline::codec_id(track.codec);
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

double shape(const pipeline::VideoRendition& r) {
    return static_cast<double>(r.width) * r.sar.as_double() / static_cast<double>(r.height);
}

/// Pixels that one processor encodes in a second, roughly, at the speeds of x264 from "ultrafast"
/// to "placebo".
double encoded_pixels(const pipeline::EncoderSettings& encoder) {
    static constexpr std::array<std::pair<std::string_view, double>, 10> kSpeeds{
        {{"ultrafast", 400e6},
         {"superfast", 280e6},
         {"veryfast", 180e6},
         {"faster", 110e6},
         {"fast", 80e6},
         {"medium", 65e6},
         {"slow", 35e6},
         {"slower", 16e6},
         {"veryslow", 9e6},
         {"placebo", 3e6}}};
    constexpr double kOther = 30e6;  // libvpx
    constexpr double kHevc = 0.3;    // x265 takes so much longer at the same name
    for (const auto& [key, value] : encoder.options) {
        if (key != "preset") continue;
        const auto* found =
            std::ranges::find(kSpeeds, value, [](auto& each) { return each.first; });
        if (found != kSpeeds.end()) return found->second * (encoder.name == "libx265" ? kHevc : 1);
    }
    return kOther;
}

/// As many threads as keep an encoder at twice its speed or above, where there are processors.
void use_processors(pipeline::VideoRendition& r, unsigned processors) {
    constexpr double kHeadroom = 2;
    constexpr double kMost = 8;
    const auto pixels = static_cast<double>(r.width * r.height) * r.frame_rate.as_double();
    const auto wanted = std::ceil(kHeadroom * pixels / encoded_pixels(r.encoder));
    const auto threads = std::min({wanted, kMost, static_cast<double>(processors)});
    if (threads > 1) transcoders::use_threads(r.encoder, static_cast<int>(threads));
}

/// Where GOPs are not a whole number of frames, one may be a frame longer than another: the
/// encoder's own limit must not come first.
void relax_gop(pipeline::VideoRendition& r) {
    for (auto& [key, value] : r.encoder.options) {
        if (key == "g") value = std::to_string(r.encoder.gop_frames + 2);
    }
}

}  // namespace

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

bool serves_as_well(const pipeline::Plan& now, const pipeline::Plan& fresh) {
    if (now.video.renditions.empty() != fresh.video.renditions.empty()) return false;
    if (!fresh.video.renditions.empty()) {
        const auto& had = now.video.renditions[largest_rendition(now.video)];
        const auto& due = fresh.video.renditions[largest_rendition(fresh.video)];
        if (due.width * due.height > had.width * had.height) return false;
        if (std::abs(shape(due) / shape(had) - 1) > kOtherShape) return false;
        const auto& colour = now.video.source_colour;
        const auto& other = fresh.video.source_colour;
        if (colour.hdr() != other.hdr() || colour.pq() != other.pq()) return false;
    }
    const auto filtered = [&](const pipeline::FilterStep& step) {
        return std::ranges::find(now.video.source_filters,
                                 step.name,
                                 &pipeline::FilterStep::name) != now.video.source_filters.end();
    };
    if (!std::ranges::all_of(fresh.video.source_filters, filtered)) return false;
    return std::ranges::all_of(fresh.audio, [&](const pipeline::AudioRendition& due) {
        const auto had = std::ranges::find(now.audio, due.name, &pipeline::AudioRendition::name);
        return had != now.audio.end() && had->channels >= due.channels;
    });
}

Result<LivePlan> make_live_plan(const std::string& channel,
                                std::span<const LiveSeen> tracks,
                                Preset preset,
                                const LiveAims& aims) {
    const auto segment = aims.segment;
    Rational rate{30, 1};
    for (const auto& seen : tracks)
        if (formats::is_video(seen.track.codec)) rate = seen.rate;
    if (auto status = make_live(preset, aims, rate); !status)
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
    if (!preset.video.threads)
        for (auto& r : video.renditions) use_processors(r, aims.processors);
    // However many come.
    for (auto& r : live.plan.audio) r.samples = -1;
    return live;
}

}  // namespace sg::engine
