#include "plan_parts.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <transcoders/encoder_settings.hpp>

namespace sg::engine {
namespace {

using media::CodecId;
using media::Rounding;
using presets::AudioCodec;
using presets::AudioRung;

CodecId codec_of(AudioCodec codec) {
    switch (codec) {
        case AudioCodec::kAac: return CodecId::kAac;
        case AudioCodec::kOpus: return CodecId::kOpus;
        case AudioCodec::kAc3: return CodecId::kAc3;
        case AudioCodec::kEac3: return CodecId::kEac3;
        case AudioCodec::kFlac: return CodecId::kFlac;
        case AudioCodec::kMp3: return CodecId::kMp3;
        case AudioCodec::kCopy: return CodecId::kUnknown;
    }
    return CodecId::kUnknown;
}

std::int64_t presentation_end_ns(const Planning& p) {
    return media::mul_div(p.borders.back(), 1'000'000'000, p.border_timescale, Rounding::kNearest);
}

void describe_track(const Planning& p, const ingest::StreamFacts& s, pipeline::AudioRendition& r) {
    r.source_stream = s.index;
    r.language = s.language_tag.empty() ? "und" : s.language_tag;
    r.label = s.title.empty() || s.title.size() > 100 ? language_name(r.language) : s.title;
    r.describes_video = s.disposition.visual_impaired;
    r.is_default = p.audio.front() == &s;
}

std::string name_of(const Planning& p, const AudioRung& rung, const std::string& language) {
    std::string wanted = rung.name;
    if (language != "und") wanted += "-" + language;
    return unique_name(p, wanted);
}

/// Why a track cannot be copied; empty when it can.
std::string copy_obstacle(const Planning& p, const ingest::StreamFacts& s) {
    const auto& index = *p.index.audio_stream(s.index);
    if (!can_copy_audio(s.codec)) return fmt::format("players do not take {} audio", s.codec_detail);
    if (index.gap_count > 0) return fmt::format("it has {} gap(s)", index.gap_count);
    if (p.index.timeline.epochs().size() > 1) return "the source's clock jumps";
    // Silence can only be put in front of sound that is decoded.
    if (index.first_ns - p.origin_ns > 50'000'000) return "it starts late";
    return {};
}

Status add_encoded(Planning& p, const ingest::StreamFacts& s, const AudioRung& rung, CodecId codec) {
    pipeline::AudioRendition r;
    describe_track(p, s, r);
    r.codec = codec;
    r.mode = pipeline::RenditionMode::kEncode;
    transcoders::AudioEncoderRequest request;
    request.codec = codec;
    request.channels = rung.channels ? std::min(*rung.channels, s.audio.channels) : s.audio.channels;
    request.sample_rate = rung.sample_rate ? *rung.sample_rate : s.audio.sample_rate;
    request.bitrate = presets::effective_audio_bitrate(rung, request.channels);
    auto choice = transcoders::audio_encoder_settings(request);
    if (!choice) return choice.error().within("audio rendition " + rung.name);
    r.encoder = choice->settings;
    r.encoder.max_bitrate = choice->bitrate;
    r.sample_rate = choice->sample_rate;
    r.channels = choice->channels;
    r.channel_layout = choice->channel_layout;
    r.frame_samples = choice->frame_samples;
    r.priming = choice->priming;
    if (r.channels < s.audio.channels) {
        p.note("mixed_down", fmt::format("stream {}", s.index), fmt::format("{} channels are mixed to {} for {}", s.audio.channels, r.channels, rung.name));
    }

    const auto& index = *p.index.audio_stream(s.index);
    const auto end_ns = std::max(presentation_end_ns(p), std::min(index.end_ns - p.origin_ns, presentation_end_ns(p) + 500'000'000));
    r.samples = media::mul_div(end_ns, r.sample_rate, 1'000'000'000, Rounding::kNearest);
    const auto frames = (r.samples + r.priming + r.frame_samples - 1) / r.frame_samples;
    const auto cuts = pipeline::audio_borders(p.borders, p.border_timescale, r.sample_rate, r.frame_samples, r.priming, frames);
    for (const auto frame : cuts) r.borders.push_back(frame * r.frame_samples - r.priming);
    r.name = name_of(p, rung, r.language);
    p.plan.audio.push_back(std::move(r));
    return {};
}

void add_copied(Planning& p, const ingest::StreamFacts& s, const AudioRung& rung) {
    const auto& index = *p.index.audio_stream(s.index);
    pipeline::AudioRendition r;
    describe_track(p, s, r);
    r.codec = s.codec;
    r.mode = pipeline::RenditionMode::kCopy;
    r.sample_rate = s.audio.sample_rate;
    r.channels = s.audio.channels;
    r.channel_layout = s.audio.layout;
    r.frame_samples = s.audio.frame_samples;
    r.samples = media::mul_div(index.end_ns - p.origin_ns, r.sample_rate, 1'000'000'000, Rounding::kNearest);
    // Real frames are found when they are read: a segment starts with the first frame at or after its border.
    for (const auto b : p.borders) {
        r.borders.push_back(media::mul_div(b, r.sample_rate, p.border_timescale, Rounding::kUp));
    }
    r.borders.back() = std::max(r.borders.back(), r.samples);
    r.name = name_of(p, rung, r.language);
    p.plan.audio.push_back(std::move(r));
}

Status add_rung(Planning& p, const ingest::StreamFacts& s, const AudioRung& rung) {
    const auto subject = fmt::format("stream {}", s.index);
    if (rung.skip_if_fewer && rung.channels && s.audio.channels < *rung.channels) {
        p.note("audio_rung_dropped", rung.name, fmt::format("{} has only {} channel(s)", subject, s.audio.channels));
        return {};
    }
    if (rung.codec != AudioCodec::kCopy) return add_encoded(p, s, rung, codec_of(rung.codec));

    const bool listed = rung.copy_only.empty() || std::find(rung.copy_only.begin(), rung.copy_only.end(), s.codec_detail) != rung.copy_only.end();
    if (!listed) {
        p.note("audio_rung_dropped", rung.name, fmt::format("{} is {}, which this rung does not copy", subject, s.codec_detail));
        return {};
    }
    const auto obstacle = copy_obstacle(p, s);
    if (obstacle.empty()) {
        add_copied(p, s, rung);
        return {};
    }
    p.note("copy_refused", subject, obstacle + "; it is encoded as AAC instead");
    return add_encoded(p, s, rung, CodecId::kAac);
}

}  // namespace

void plan_audio_only_borders(Planning& p) {
    set_origin(p, first_audio_ns(p));
    p.border_timescale = 1000;
    const auto end_ms = std::max<std::int64_t>(1, (last_audio_ns(p) - p.origin_ns + 999'999) / 1'000'000);
    const auto step = p.preset.packaging.segment_ms;
    p.borders = pipeline::segment_borders(end_ms, step, std::min<std::int64_t>(step / 2, 499));
}

Status plan_audio(Planning& p) {
    for (const auto* s : p.audio) {
        const auto before = p.plan.audio.size();
        for (const auto& rung : p.preset.audio.renditions) SG_TRY(add_rung(p, *s, rung));
        if (p.plan.audio.size() == before) {
            // Every rung declined: a viewer still wants sound.
            p.note("audio_fallback", fmt::format("stream {}", s->index), "no audio rung of the preset fits it; it is encoded as AAC stereo");
            AudioRung fallback;
            fallback.name = "stereo";
            fallback.channels = 2;
            SG_TRY(add_encoded(p, *s, fallback, CodecId::kAac));
        }
    }
    return {};
}

}  // namespace sg::engine
