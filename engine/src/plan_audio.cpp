#include <algorithm>

#include <fmt/format.h>

#include <transcoders/encoder_settings.hpp>

#include "plan_parts.hpp"

namespace sg::engine {
namespace {

using media::CodecId;
using media::Rounding;
using presets::AudioCodec;
using presets::AudioRung;

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kSecond = 1'000 * kMillisecond;

CodecId codec_of(AudioCodec codec) {
    switch (codec) {
        case AudioCodec::kAac:
            return CodecId::kAac;
        case AudioCodec::kOpus:
            return CodecId::kOpus;
        case AudioCodec::kAc3:
            return CodecId::kAc3;
        case AudioCodec::kEac3:
            return CodecId::kEac3;
        case AudioCodec::kFlac:
            return CodecId::kFlac;
        case AudioCodec::kMp3:
            return CodecId::kMp3;
        case AudioCodec::kCopy:
            break;
    }
    return CodecId::kAac;  // what cannot be copied is encoded for every player
}

std::int64_t presentation_end_ns(const Planning& p) {
    return media::mul_div(p.borders.back(), kSecond, p.border_timescale, Rounding::kNearest);
}

/// One source track and where it stands in the plan.
struct Track {
    const ingest::StreamFacts& stream;
    const AudioIndex& index;
    const std::string& label;
    bool is_default = false;
};

void describe_track(const Track& t, pipeline::AudioRendition& r) {
    r.source_stream = t.stream.index;
    r.language = t.stream.language_tag.empty() ? "und" : t.stream.language_tag;
    r.label = t.label;
    r.describes_video = t.stream.disposition.visual_impaired;
    r.is_default = t.is_default;
}

std::string name_of(const Planning& p, const AudioRung& rung, const std::string& language) {
    return unique_name(p, language == "und" ? rung.name : rung.name + "-" + language);
}

/// Why a track cannot be copied; empty when it can.
std::string copy_obstacle(const Planning& p, const Track& t) {
    if (!can_copy_audio(t.stream.codec))
        return fmt::format("players do not take {} audio", t.stream.codec_detail);
    if (t.index.gap_count > 0) return fmt::format("it has {} gap(s)", t.index.gap_count);
    const bool jumps = std::any_of(
        p.index.jumps.begin(), p.index.jumps.end(), [](const Jump& j) { return j.kind != "wrap"; });
    if (jumps) return "the source's clock jumps";
    // Silence can only be put in front of sound that is decoded.
    if (t.index.first_ns - p.origin_ns > 50 * kMillisecond) return "it starts late";
    // A segment without a frame of it would be none.
    const auto last_start =
        media::mul_div(p.borders[p.borders.size() - 2], kSecond, p.border_timescale, Rounding::kUp);
    const auto end = t.index.end_ns - p.origin_ns;
    if (presentation_end_ns(p) - end > kSecond || end < last_start + 2 * longest_audio_frame_ns(p))
        return "it ends early";
    return {};
}

Result<transcoders::AudioEncoderChoice> encoder_for(const ingest::StreamFacts& s,
                                                    const AudioRung& rung) {
    transcoders::AudioEncoderRequest request;
    request.codec = codec_of(rung.codec);
    request.channels =
        rung.channels ? std::min(*rung.channels, s.audio.channels) : s.audio.channels;
    request.sample_rate = rung.sample_rate ? *rung.sample_rate : s.audio.sample_rate;
    request.bitrate = presets::effective_audio_bitrate(rung, request.channels);
    return transcoders::audio_encoder_settings(request);
}

/// What a segment of AAC or Opus stays under: the library's own bound is that of a single frame,
/// several times the rate.
std::int64_t segment_bound(CodecId codec, const transcoders::AudioEncoderChoice& choice) {
    const bool varies = codec == CodecId::kAac || codec == CodecId::kOpus;
    return varies ? std::min(choice.settings.max_bitrate, choice.bitrate + choice.bitrate / 2)
                  : choice.settings.max_bitrate;
}

Status add_encoded(Planning& p, const Track& t, const AudioRung& rung) {
    auto choice = encoder_for(t.stream, rung);
    if (!choice)
        return choice.error().within(
            fmt::format("plan {}: audio rendition {}", p.facts.name, rung.name));
    pipeline::AudioRendition r;
    describe_track(t, r);
    r.codec = codec_of(rung.codec);
    r.mode = pipeline::RenditionMode::kEncode;
    r.encoder = choice->settings;
    r.encoder.max_bitrate = segment_bound(r.codec, *choice);
    r.sample_rate = choice->sample_rate;
    r.channels = choice->channels;
    r.channel_layout = choice->channel_layout;
    r.frame_samples = choice->frame_samples;
    r.priming = choice->priming;
    if (r.channels < t.stream.audio.channels) {
        p.note("mixed_down",
               fmt::format("stream {}", t.stream.index),
               fmt::format("{} channels are mixed to {} for {}",
                           t.stream.audio.channels,
                           r.channels,
                           rung.name));
    }

    // Silence to the end of the pictures; sound that outlasts them by a little is kept.
    const auto pictures_end = presentation_end_ns(p);
    const auto end_ns =
        std::clamp(t.index.end_ns - p.origin_ns, pictures_end, pictures_end + kSecond / 2);
    r.samples = std::max<std::int64_t>(
        1, media::mul_div(end_ns, r.sample_rate, kSecond, Rounding::kNearest));
    const auto frames = (r.samples + r.priming + r.frame_samples - 1) / r.frame_samples;
    const auto cuts = pipeline::audio_borders(
        p.borders, p.border_timescale, r.sample_rate, r.frame_samples, r.priming, frames);
    for (const auto frame : cuts) r.borders.push_back(frame * r.frame_samples - r.priming);
    r.name = name_of(p, rung, r.language);
    p.plan.audio.push_back(std::move(r));
    return {};
}

void add_copied(Planning& p, const Track& t, const AudioRung& rung) {
    pipeline::AudioRendition r;
    describe_track(t, r);
    r.codec = t.stream.codec;
    r.mode = pipeline::RenditionMode::kCopy;
    r.sample_rate = t.stream.audio.sample_rate;
    r.channels = t.stream.audio.channels;
    r.channel_layout = t.stream.audio.layout;
    r.frame_samples = t.stream.audio.frame_samples;
    r.samples = media::mul_div(std::max<std::int64_t>(t.index.end_ns - p.origin_ns, 1),
                               r.sample_rate,
                               kSecond,
                               Rounding::kNearest);
    // Real frames are found when they are read: a segment starts with the first frame at or after
    // its border.
    for (const auto b : p.borders)
        r.borders.push_back(media::mul_div(b, r.sample_rate, p.border_timescale, Rounding::kUp));
    r.borders.back() = std::max(r.borders.back(), r.samples);
    r.name = name_of(p, rung, r.language);
    p.plan.audio.push_back(std::move(r));
}

/// Whether the rung is meant for a track like this; else a note says why not.
bool wanted_for(Planning& p, const Track& t, const AudioRung& rung) {
    const auto& s = t.stream;
    const auto drop = [&](std::string why) {
        p.note("audio_rung_dropped", rung.name, std::move(why));
        return false;
    };
    if (rung.skip_if_fewer && rung.channels && s.audio.channels < *rung.channels)
        return drop(fmt::format("stream {} has only {} channel(s)", s.index, s.audio.channels));
    const bool listed = rung.copy_only.empty() ||
                        std::find(rung.copy_only.begin(), rung.copy_only.end(), s.codec_detail) !=
                            rung.copy_only.end();
    if (rung.codec == AudioCodec::kCopy && !listed)
        return drop(
            fmt::format("stream {} is {}, which this rung does not copy", s.index, s.codec_detail));
    return true;
}

Status add_rung(Planning& p, const Track& t, const AudioRung& rung) {
    const auto& s = t.stream;
    if (rung.codec == AudioCodec::kCopy) {
        const auto obstacle = copy_obstacle(p, t);
        if (obstacle.empty()) {
            add_copied(p, t, rung);
            return {};
        }
        if (s.decodable)
            p.note("copy_refused",
                   fmt::format("stream {}", s.index),
                   obstacle + "; it is encoded as AAC instead");
    }
    if (!s.decodable) {
        p.note("audio_rung_dropped",
               rung.name,
               fmt::format("stream {} can only be copied: there is no decoder for {}",
                           s.index,
                           s.codec_detail));
        return {};
    }
    return add_encoded(p, t, rung);
}

AudioRung stereo_for_everyone() {
    AudioRung rung;
    rung.name = "stereo";
    rung.channels = 2;
    return rung;
}

}  // namespace

std::int64_t longest_audio_frame_ns(const Planning& p) {
    // FLAC's largest usual frame, for copies whose frames differ.
    constexpr std::int64_t kUnknownFrame = 4608;
    std::int64_t longest = 0;
    const auto take = [&](std::int64_t samples, std::int64_t rate) {
        if (rate > 0)
            longest = std::max(longest, media::mul_div(samples, kSecond, rate, Rounding::kUp));
    };
    for (const auto* s : p.audio) {
        for (const auto& rung : p.preset.audio.renditions) {
            // A copy may still turn into AAC.
            if (rung.codec == AudioCodec::kCopy)
                take(s->audio.frame_samples > 0 ? s->audio.frame_samples : kUnknownFrame,
                     s->audio.sample_rate);
            if (const auto choice = encoder_for(*s, rung))
                take(choice->frame_samples, choice->sample_rate);
        }
    }
    return longest;
}

std::int64_t shortest_last_segment_ns(const Planning& p, std::int64_t segment_ns) {
    const auto target_s = std::max<std::int64_t>(1, (segment_ns + kSecond / 2) / kSecond);
    const auto room = target_s * kSecond + kSecond / 2 - kMillisecond - segment_ns;
    return std::max(std::clamp<std::int64_t>(room, 0, kSecond / 2), 2 * longest_audio_frame_ns(p));
}

Status plan_audio_only_borders(Planning& p) {
    set_origin(p, first_audio_ns(p));
    const auto length = last_audio_ns(p) - p.origin_ns;
    SG_TRY(check_duration(p, length));
    p.border_timescale = 1000;
    const auto end_ms =
        std::max<std::int64_t>(1, media::mul_div(length, 1, kMillisecond, Rounding::kUp));
    const auto step = p.preset.packaging.segment_ms;
    p.borders = pipeline::segment_borders(
        end_ms, step, shortest_last_segment_ns(p, step * kMillisecond) / kMillisecond);
    return {};
}

Status plan_audio(Planning& p) {
    for (std::size_t i = 0; i < p.audio.size(); ++i) {
        const auto& s = *p.audio[i];
        const Track track{s, *p.index.audio_stream(s.index), p.audio_labels[i], i == 0};
        const auto before = p.plan.audio.size();
        for (const auto& rung : p.preset.audio.renditions) {
            if (wanted_for(p, track, rung)) SG_TRY(add_rung(p, track, rung));
        }
        if (p.plan.audio.size() == before && s.decodable) {
            // Every rung declined: a viewer still wants sound.
            p.note("audio_fallback",
                   fmt::format("stream {}", s.index),
                   "no audio rung of the preset fits it; it is encoded as AAC stereo");
            SG_TRY(add_encoded(p, track, stereo_for_everyone()));
        }
    }
    return {};
}

}  // namespace sg::engine
