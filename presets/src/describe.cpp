#include <string>

#include <fmt/format.h>

#include <presets/loader.hpp>
#include <presets/preset.hpp>

namespace sg::presets {

namespace {

std::string kbit(std::int64_t bits) {
    return fmt::format("{}k", bits / 1000);
}

std::string seconds(std::int64_t ms) {
    return ms % 1000 == 0 ? fmt::format("{} s", ms / 1000) : fmt::format("{} ms", ms);
}

std::string hundredths(int value) {
    return value % 100 == 0 ? fmt::format("{}", value / 100)
                            : fmt::format("{}.{:02}", value / 100, value % 100);
}

std::string rate(const Fraction& value) {
    return value.den == 1 ? fmt::format("{}", value.num)
                          : fmt::format("{}/{}", value.num, value.den);
}

std::string box(const EffectiveRung& rung) {
    if (rung.width && rung.height) return fmt::format("{}x{}", *rung.width, *rung.height);
    if (rung.height) return fmt::format("height {}", *rung.height);
    if (rung.width) return fmt::format("width {}", *rung.width);
    return "source size";
}

std::string rung_line(const Preset& preset, const Rung& rung) {
    const EffectiveRung made = effective_rung(preset, rung);
    std::string line =
        fmt::format("  {:<12} {:<5} {:<12}", made.name, to_string(made.codec), box(made));
    if (made.codec == VideoCodec::kCopy) return line + "\n";
    if (made.rate_control == RateControl::kBitrate) {
        line += fmt::format(" {} average", kbit(made.bitrate_bps));
    } else {
        line += fmt::format(" crf {}", hundredths(made.crf_x100));
    }
    if (made.max_bitrate_bps > 0) {
        line += fmt::format(
            ", at most {} (buffer {})", kbit(made.max_bitrate_bps), kbit(made.buffer_bits));
    }
    line += fmt::format(", {} {}", made.speed, made.profile);
    if (made.depth > 8) line += fmt::format(", {}-bit", made.depth);
    if (made.range == DynamicRange::kSource) line += ", keeps HDR";
    if (made.max_frame_rate) line += fmt::format(", at most {} fps", rate(*made.max_frame_rate));
    return line + "\n";
}

std::string frame_rate(const FrameRatePolicy& policy) {
    switch (policy.mode) {
        case FrameRateMode::kSource:
            return "source";
        case FrameRateMode::kMax:
            return "max " + rate(policy.rate);
        case FrameRateMode::kFixed:
            return rate(policy.rate);
    }
    return {};
}

std::string audio_line(const AudioRung& rung) {
    std::string line = fmt::format("  {:<12} {:<5}", rung.name, to_string(rung.codec));
    line += rung.channels ? fmt::format(" {} channels", *rung.channels) : " source channels";
    const std::int64_t bits = effective_audio_bitrate(rung, rung.channels.value_or(2));
    if (bits > 0) {
        line += " " + kbit(bits);
        if (!rung.channels && !rung.bitrate_bps) line += " for stereo";
    }
    if (rung.sample_rate) line += fmt::format(", {} Hz", *rung.sample_rate);
    if (!rung.copy_only.empty()) {
        line += ", only";
        for (const std::string& codec : rung.copy_only) line += " " + codec;
    }
    if (rung.skip_if_fewer) line += ", skipped for tracks with fewer channels";
    return line + "\n";
}

}  // namespace

std::string describe(const Preset& preset) {
    std::string out = fmt::format("{}@{}", preset.name, preset.version);
    if (!preset.extends.empty()) out += fmt::format(" (extends {})", preset.extends);
    out += "\n";
    if (!preset.description.empty()) out += preset.description + "\n";
    out += fmt::format("digest {}\n", digest(preset));
    const Video& video = preset.video;
    out += fmt::format("\nvideo: {}", to_string(video.codec));
    if (video.codec != VideoCodec::kNone && video.codec != VideoCodec::kCopy) {
        out += fmt::format(", {}, GOP {}, chunk {}, frame rate {}",
                           to_string(video.rate_control),
                           seconds(video.gop_ms),
                           seconds(video.chunk_ms),
                           frame_rate(video.frame_rate));
    }
    out += "\n";
    for (const Rung& rung : video.ladder) out += rung_line(preset, rung);
    out += fmt::format("hdr: tone mapping {}, HDR {}\n",
                       to_string(preset.hdr.tone_map),
                       preset.hdr.keep ? "kept where a rung allows it" : "not kept");
    out += fmt::format("deinterlace: {}, a picture per {}\n",
                       to_string(preset.deinterlace.mode),
                       to_string(preset.deinterlace.output));
    out += fmt::format("filters: denoise {}{}{}\n",
                       to_string(preset.filters.denoise),
                       preset.filters.custom.empty() ? "" : ", custom ",
                       preset.filters.custom);
    out += fmt::format("audio: tracks {}, languages", to_string(preset.audio.tracks));
    if (preset.audio.languages.empty()) out += " all";
    for (const std::string& language : preset.audio.languages) out += " " + language;
    out += "\n";
    for (const AudioRung& rung : preset.audio.renditions) out += audio_line(rung);
    out += "packaging:";
    for (const Format format : preset.packaging.formats) {
        out += fmt::format(" {}", to_string(format));
    }
    out += fmt::format(", segment {}, I-frame playlists {}\n",
                       seconds(preset.packaging.segment_ms),
                       preset.packaging.iframe_playlists ? "yes" : "no");
    out += fmt::format("limits: {} % undecodable frames, {} pixels, {}, spool {} MiB\n",
                       hundredths(preset.limits.max_decode_errors_percent_x100),
                       preset.limits.max_pixels,
                       seconds(preset.limits.max_duration_ms),
                       preset.limits.spool_bytes >> 20);
    out += fmt::format("verify: {}\n", to_string(preset.verify));
    return out;
}

}  // namespace sg::presets
