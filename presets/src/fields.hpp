#pragma once

#include <presets/preset.hpp>

#include "kinds.hpp"

// The one table of a preset's fields. The decoder, the canonical encoder and the schema writer all
// walk it, so they cannot disagree about a key. A visitor has
//   field(key, member, kind, description)      one value; std::optional members may be left out
//   list(key, vector, kind, most, description) values of one kind
//   section(key, struct, description)          a group of keys
//   sections(key, vector, most, description)   a list of groups

namespace sg::presets {

inline constexpr Text kIdentifier{Text::Rule::kIdentifier, 64};
inline constexpr Text kSetting{Text::Rule::kSetting, 32};
inline constexpr Text kFreeText{Text::Rule::kFree, 1000};
inline constexpr Integer kSide{16, 16384};
inline constexpr Quantity kVideoBits{Quantity::Unit::kBits, 10'000, 1'000'000'000};
inline constexpr Quantity kAudioBits{Quantity::Unit::kBits, 6'000, 2'000'000};
inline constexpr Hundredths kCrf{0, 6300};

constexpr Quantity milliseconds(std::int64_t min, std::int64_t max) {
    return Quantity{Quantity::Unit::kMilliseconds, min, max};
}

template <class V>
void visit(V& v, Rung& r) {
    v.field("name", r.name, kIdentifier, "Name of the rendition and of its folder");
    v.field("width", r.width, kSide, "Width of the box the picture is fitted into, pixels");
    v.field("height", r.height, kSide, "Height of the box the picture is fitted into, pixels");
    v.field("max_frame_rate", r.max_frame_rate, Rate{}, "Upper bound of this rung's frame rate");
    v.field("codec", r.codec, Choice<VideoCodec>{}, "Codec, when not the ladder's");
    v.field("crf", r.crf_x100, kCrf, "Constant rate factor");
    v.field("max_bitrate", r.max_bitrate_bps, kVideoBits, "VBV cap, bit/s");
    v.field("buffer", r.buffer_bits, kVideoBits, "VBV buffer, bits");
    v.field("bitrate", r.bitrate_bps, kVideoBits, "Average, bit/s, for rate_control bitrate");
    v.field("profile", r.profile, kSetting, "Codec profile");
    v.field("level", r.level, kSetting, "Codec level");
    v.field("speed", r.speed, kSetting, "Encoder speed preset");
    v.field("tune", r.tune, kSetting, "Encoder tuning");
    v.field("range", r.range, Choice<DynamicRange>{}, "Dynamic range: SDR or the source's");
    v.field("depth", r.depth, Integer{8, 10}, "Bits per sample: 8 or 10");
    v.field("encoder_options", r.encoder_options, Options{}, "Further encoder options");
}

template <class V>
void visit(V& v, Video& m) {
    v.field("codec", m.codec, Choice<VideoCodec>{}, "Codec of the ladder");
    v.field("rate_control", m.rate_control, Choice<RateControl>{}, "How bits are given out");
    v.field("crf", m.crf_x100, kCrf, "Constant rate factor");
    v.field("speed", m.speed, kSetting, "Encoder speed preset");
    v.field("tune", m.tune, kSetting, "Encoder tuning");
    v.field("profile", m.profile, kSetting, "Codec profile");
    v.field("level", m.level, kSetting, "Codec level");
    v.field("depth", m.depth, Integer{8, 10}, "Bits per sample: 8 or 10");
    v.field("range", m.range, Choice<DynamicRange>{}, "Dynamic range: SDR or the source's");
    v.field("gop", m.gop_ms, milliseconds(200, 10'000), "Key frame interval, target");
    v.field(
        "chunk", m.chunk_ms, milliseconds(1'000, 600'000), "Length encoded as one task, target");
    v.field("frame_rate", m.frame_rate, RatePolicy{}, "Frame rate: source, max RATE or RATE");
    v.field("b_frames", m.b_frames, Integer{0, 16}, "Most consecutive B-frames");
    v.field("lookahead", m.lookahead, Integer{0, 250}, "Rate control look-ahead, frames");
    v.field("threads", m.threads, Integer{1, 16}, "Threads of one encoder");
    v.field("encoder_options", m.encoder_options, Options{}, "Further encoder options");
    v.sections("ladder", m.ladder, 32, "Renditions, largest first");
}

template <class V>
void visit(V& v, Hdr& h) {
    v.field("tone_map", h.tone_map, Choice<ToneMap>{}, "When HDR is mapped to SDR");
    v.field("keep", h.keep, Flag{}, "Whether rungs of range source stay HDR");
}

template <class V>
void visit(V& v, DeinterlacePolicy& d) {
    v.field("mode", d.mode, Choice<Deinterlace>{}, "When to deinterlace");
    v.field("output", d.output, Choice<FieldOutput>{}, "A picture per frame or per field");
}

template <class V>
void visit(V& v, Filters& f) {
    v.field("denoise", f.denoise, Choice<Denoise>{}, "Noise reduction");
    v.field("custom", f.custom, kFreeText, "A libavfilter chain, applied before scaling");
    v.field("frames_before", f.frames_before, Integer{0, 300}, "Frames custom needs before");
    v.field("frames_after", f.frames_after, Integer{0, 300}, "Frames custom needs after");
}

template <class V>
void visit(V& v, AudioRung& r) {
    v.field("name", r.name, kIdentifier, "Name of the rendition and of its folder");
    v.field("codec", r.codec, Choice<AudioCodec>{}, "Codec, or copy");
    v.field("channels", r.channels, Integer{1, 8}, "Most channels: 1, 2, 6 or 8");
    v.field("bitrate", r.bitrate_bps, kAudioBits, "Bit/s");
    v.field("sample_rate", r.sample_rate, Integer{8000, 192'000}, "Samples per second");
    v.list("copy_only", r.copy_only, Text{Text::Rule::kCopyCodec, 16}, 8, "Codecs to copy");
    v.field("skip_if_fewer", r.skip_if_fewer, Flag{}, "Skip tracks with fewer channels");
}

template <class V>
void visit(V& v, Audio& a) {
    v.field("languages", a.languages, Languages{}, "Languages to take: all, or a list");
    v.field("tracks", a.tracks, Choice<AudioTracks>{}, "The default of each language, or all");
    v.sections("renditions", a.renditions, 16, "Renditions made of every track taken");
}

template <class V>
void visit(V& v, Packaging& p) {
    v.list("formats", p.formats, Choice<Format>{}, 4, "What is written");
    v.field("segment", p.segment_ms, milliseconds(1'000, 20'000), "Segment length, target");
    v.field("iframe_playlists", p.iframe_playlists, Flag{}, "HLS I-frame playlists");
}

template <class V>
void visit(V& v, Limits& l) {
    v.field("max_decode_errors_percent",
            l.max_decode_errors_percent_x100,
            Hundredths{0, 10'000},
            "Undecodable frames tolerated, percent of a track; 0 is strict");
    v.field("max_pixels", l.max_pixels, Integer{4096, 1LL << 30}, "Pixels of one source picture");
    v.field("max_duration",
            l.max_duration_ms,
            milliseconds(1'000, 1000LL * 3'600'000),
            "Longest source accepted");
    v.field("spool",
            l.spool_bytes,
            Quantity{Quantity::Unit::kBytes, 0, 1LL << 44},
            "Most bytes spooled of a source that cannot seek");
}

template <class V>
void visit(V& v, Preset& p) {
    v.field("name", p.name, kIdentifier, "Name of the preset");
    v.field("version", p.version, Integer{1, 1'000'000}, "Version, as in name@version");
    v.field("description", p.description, kFreeText, "One sentence for people");
    v.section("video", p.video, "Pictures");
    v.section("hdr", p.hdr, "High dynamic range");
    v.section("deinterlace", p.deinterlace, "Interlaced sources");
    v.section("filters", p.filters, "Picture filters");
    v.section("audio", p.audio, "Sound");
    v.section("packaging", p.packaging, "What is written");
    v.section("limits", p.limits, "Bounds on sources");
    v.field("verify", p.verify, Choice<VerifyLevel>{}, "Checks before publishing");
}

}  // namespace sg::presets
