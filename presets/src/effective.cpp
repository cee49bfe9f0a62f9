#include <algorithm>

#include <presets/preset.hpp>

namespace sg::presets {

namespace {

struct CodecDefaults {
    int crf_x100;
    const char* speed;
};

CodecDefaults defaults_of(VideoCodec codec) {
    switch (codec) {
        case VideoCodec::kH264:
            return {2300, "veryfast"};
        case VideoCodec::kHevc:
            return {2600, "fast"};
        case VideoCodec::kAv1:
            return {3500, "8"};
        case VideoCodec::kVp9:
            return {3300, "5"};
        case VideoCodec::kCopy:
        case VideoCodec::kNone:
            break;
    }
    return {0, ""};
}

std::string default_profile(VideoCodec codec, int depth) {
    switch (codec) {
        case VideoCodec::kH264:
            return "high";
        case VideoCodec::kHevc:
            return depth > 8 ? "main10" : "main";
        case VideoCodec::kAv1:
            return "main";
        case VideoCodec::kVp9:
            return depth > 8 ? "2" : "0";
        case VideoCodec::kCopy:
        case VideoCodec::kNone:
            break;
    }
    return {};
}

/// The rung's own value, else the section's when it is meant for this codec.
template <class T>
std::optional<T> pick(const std::optional<T>& own, const std::optional<T>& shared, bool inherits) {
    return own || !inherits ? own : shared;
}

std::int64_t default_audio_bitrate(AudioCodec codec, int channels) {
    const auto by_layout =
        [channels](
            std::int64_t mono, std::int64_t stereo, std::int64_t surround, std::int64_t most) {
            if (channels <= 1) return mono;
            if (channels == 2) return stereo;
            return channels <= 6 ? surround : most;
        };
    switch (codec) {
        case AudioCodec::kAac:
            return by_layout(64'000, 128'000, 384'000, 512'000);
        case AudioCodec::kOpus:
            return by_layout(48'000, 96'000, 256'000, 384'000);
        case AudioCodec::kAc3:
            return by_layout(96'000, 192'000, 448'000, 640'000);
        case AudioCodec::kEac3:
            return by_layout(96'000, 192'000, 384'000, 640'000);
        case AudioCodec::kMp3:
            return by_layout(96'000, 192'000, 192'000, 192'000);
        case AudioCodec::kFlac:
        case AudioCodec::kCopy:
            break;
    }
    return 0;
}

}  // namespace

bool Packaging::has(Format format) const noexcept {
    return std::find(formats.begin(), formats.end(), format) != formats.end();
}

EffectiveRung effective_rung(const Preset& preset, const Rung& rung) {
    const Video& video = preset.video;
    EffectiveRung out;
    out.name = rung.name;
    out.width = rung.width;
    out.height = rung.height;
    out.max_frame_rate = rung.max_frame_rate;
    out.codec = rung.codec.value_or(video.codec);
    out.rate_control = video.rate_control;
    const bool inherits = out.codec == video.codec;
    const CodecDefaults defaults = defaults_of(out.codec);
    if (video.rate_control == RateControl::kBitrate) {
        out.bitrate_bps = rung.bitrate_bps.value_or(0);
        out.max_bitrate_bps = rung.max_bitrate_bps.value_or(out.bitrate_bps + out.bitrate_bps / 10);
    } else {
        out.crf_x100 = pick(rung.crf_x100, video.crf_x100, inherits).value_or(defaults.crf_x100);
        out.max_bitrate_bps = rung.max_bitrate_bps.value_or(0);
    }
    out.buffer_bits = rung.buffer_bits.value_or(out.max_bitrate_bps * 3 / 2);
    out.range = rung.range.value_or(video.range);
    out.depth = pick(rung.depth, video.depth, inherits).value_or(8);
    out.profile =
        pick(rung.profile, video.profile, inherits).value_or(default_profile(out.codec, out.depth));
    out.level = pick(rung.level, video.level, inherits).value_or("");
    out.speed = pick(rung.speed, video.speed, inherits).value_or(defaults.speed);
    out.tune = pick(rung.tune, video.tune, inherits).value_or("");
    if (inherits) {
        out.b_frames = video.b_frames;
        out.lookahead = video.lookahead;
        out.threads = video.threads;
        out.encoder_options = video.encoder_options;
    }
    for (const auto& [key, value] : rung.encoder_options) out.encoder_options[key] = value;
    return out;
}

std::int64_t effective_audio_bitrate(const AudioRung& rung, int channels) {
    if (rung.codec == AudioCodec::kCopy || rung.codec == AudioCodec::kFlac) return 0;
    if (!rung.bitrate_bps) return default_audio_bitrate(rung.codec, channels);
    if (!rung.channels || channels >= *rung.channels) return *rung.bitrate_bps;
    // A track with fewer channels than the rendition was sized for needs its share only.
    const std::int64_t share = *rung.bitrate_bps * std::max(channels, 1) / *rung.channels;
    return std::min(*rung.bitrate_bps, std::max<std::int64_t>(share, 32'000));
}

}  // namespace sg::presets
