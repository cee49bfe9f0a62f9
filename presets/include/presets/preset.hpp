#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace sg::presets {

/// An exact rate, always positive and in lowest terms: 30000/1001.
struct Fraction {
    std::int64_t num = 0;
    std::int64_t den = 1;
    bool operator==(const Fraction&) const = default;
};

enum class VideoCodec { kH264, kHevc, kAv1, kVp9, kCopy, kNone };
enum class AudioCodec { kAac, kOpus, kAc3, kEac3, kFlac, kMp3, kCopy };
enum class RateControl { kCappedCrf, kBitrate };
enum class DynamicRange { kSdr, kSource };
enum class FrameRateMode { kSource, kMax, kFixed };
enum class ToneMap { kAuto, kNever, kAlways };
enum class Deinterlace { kAuto, kOff, kAlways };
enum class FieldOutput { kFrame, kField };
enum class Denoise { kOff, kLight, kMedium };
enum class AudioTracks { kDefault, kAll };
enum class Format { kHlsCmaf, kHlsTs, kDash, kSingleFile };
enum class VerifyLevel { kOff, kQuick, kFull };

/// What the output frame rate is made from. A "max" takes every n-th picture of a faster source.
struct FrameRatePolicy {
    FrameRateMode mode = FrameRateMode::kSource;
    Fraction rate{0, 1};  ///< unused for kSource
    bool operator==(const FrameRatePolicy&) const = default;
};

/// One video rendition as written in the preset. What is left out comes from the video section;
/// read it through effective_rung(), which applies that rule.
struct Rung {
    std::string name;
    /// A box the picture is fitted into, never enlarged; turned for portrait sources. One side
    /// alone: the other follows.
    std::optional<int> width;
    std::optional<int> height;
    std::optional<Fraction> max_frame_rate;
    std::optional<VideoCodec> codec;
    std::optional<int> crf_x100;
    std::optional<std::int64_t> max_bitrate_bps;
    std::optional<std::int64_t> buffer_bits;
    std::optional<std::int64_t> bitrate_bps;
    std::optional<std::string> profile;
    std::optional<std::string> level;
    std::optional<std::string> speed;
    std::optional<std::string> tune;
    std::optional<DynamicRange> range;
    std::optional<int> depth;
    std::map<std::string, std::string> encoder_options;
    bool operator==(const Rung&) const = default;
};

struct Video {
    VideoCodec codec = VideoCodec::kH264;
    std::vector<Rung> ladder;  ///< largest first
    RateControl rate_control = RateControl::kCappedCrf;
    std::optional<int> crf_x100;
    /// x264 and x265: a preset name; SVT-AV1: "0".."13"; libvpx: cpu-used "0".."8".
    std::optional<std::string> speed;
    std::optional<std::string> tune;
    std::optional<std::string> profile;
    std::optional<std::string> level;
    std::optional<int> depth;  ///< 8 or 10
    DynamicRange range = DynamicRange::kSdr;
    std::int64_t gop_ms = 2000;
    std::int64_t chunk_ms = 24000;
    FrameRatePolicy frame_rate;
    std::optional<int> b_frames;
    std::optional<int> lookahead;  ///< frames
    std::optional<int>
        threads;  ///< per encoder, a constant of the plan; none: the planner's choice for the codec
    std::map<std::string, std::string> encoder_options;
    bool operator==(const Video&) const = default;
};

struct Hdr {
    ToneMap tone_map = ToneMap::kAuto;
    bool keep = true;  ///< false: rungs with range "source" are made SDR as well
    bool operator==(const Hdr&) const = default;
};

struct DeinterlacePolicy {
    Deinterlace mode = Deinterlace::kAuto;
    FieldOutput output =
        FieldOutput::kFrame;  ///< one picture per frame, or one per field (double rate)
    bool operator==(const DeinterlacePolicy&) const = default;
};

struct Filters {
    Denoise denoise = Denoise::kOff;
    std::string custom;  ///< a libavfilter chain of allowed filters, before scaling; empty: none
    int frames_before =
        0;  ///< frames the custom chain needs before the first one it must get right
    int frames_after = 0;
    bool operator==(const Filters&) const = default;
};

struct AudioRung {
    std::string name;
    AudioCodec codec = AudioCodec::kAac;
    /// Upper bound; nothing is mixed up to more channels than the track has. None: as many as the
    /// track has.
    std::optional<int> channels;
    std::optional<std::int64_t> bitrate_bps;
    std::optional<int> sample_rate;
    /// For kCopy: source codecs (libavcodec names) that are copied; the rendition is skipped for
    /// others. Empty: any.
    std::vector<std::string> copy_only;
    /// Skip the rendition for tracks with fewer channels than `channels` instead of making it with
    /// fewer.
    bool skip_if_fewer = false;
    bool operator==(const AudioRung&) const = default;
};

struct Audio {
    std::vector<AudioRung> renditions;   ///< empty: no audio
    std::vector<std::string> languages;  ///< BCP 47 or ISO 639; empty: all
    AudioTracks tracks =
        AudioTracks::kDefault;  ///< the default track of each language, or all of them
    bool operator==(const Audio&) const = default;
};

struct Packaging {
    std::vector<Format> formats{Format::kHlsCmaf, Format::kDash};
    std::int64_t segment_ms = 6000;
    bool iframe_playlists = true;
    [[nodiscard]] bool has(Format format) const noexcept;
    bool operator==(const Packaging&) const = default;
};

struct Limits {
    int max_decode_errors_percent_x100 = 1000;  ///< of the frames of a track; 0 is strict
    std::int64_t max_pixels = 67'108'864;       ///< of one source picture
    std::int64_t max_duration_ms = 48LL * 3600 * 1000;
    std::int64_t spool_bytes = 64LL << 30;  ///< for sources that cannot seek
    bool operator==(const Limits&) const = default;
};

/// A fully resolved preset: `extends` applied, overrides applied, checked.
struct Preset {
    std::string name;
    int version = 1;
    std::string description;
    std::string extends;  ///< what the file named, for display; no part of the digest
    Video video;
    Hdr hdr;
    DeinterlacePolicy deinterlace;
    Filters filters;
    Audio audio;
    Packaging packaging;
    Limits limits;
    VerifyLevel verify = VerifyLevel::kQuick;
    bool operator==(const Preset&) const = default;
};

/// A rung with the video section's values and the codec's defaults filled in.
struct EffectiveRung {
    std::string name;
    std::optional<int> width;
    std::optional<int> height;
    std::optional<Fraction> max_frame_rate;
    VideoCodec codec = VideoCodec::kH264;
    RateControl rate_control = RateControl::kCappedCrf;
    int crf_x100 = 0;                  ///< kCappedCrf
    std::int64_t bitrate_bps = 0;      ///< kBitrate
    std::int64_t max_bitrate_bps = 0;  ///< 0: uncapped
    std::int64_t buffer_bits = 0;      ///< 0: uncapped
    std::string profile;               ///< empty: the encoder's choice
    std::string level;                 ///< empty: the lowest that fits
    std::string speed;
    std::string tune;  ///< empty: none
    DynamicRange range = DynamicRange::kSdr;
    int depth = 8;
    std::optional<int> b_frames;
    std::optional<int> lookahead;
    std::optional<int> threads;
    std::map<std::string, std::string> encoder_options;
};

/// Codec settings of the video section (crf, speed, tune, profile, level, depth, b_frames,
/// lookahead, threads, encoder options) reach only rungs of its codec; a rung of another codec
/// starts from that codec's defaults.
[[nodiscard]] EffectiveRung effective_rung(const Preset& preset, const Rung& rung);

/// The rendition's bitrate for a track of `channels`, in bit/s; 0 for copy and FLAC.
[[nodiscard]] std::int64_t effective_audio_bitrate(const AudioRung& rung, int channels);

[[nodiscard]] const char* to_string(VideoCodec codec) noexcept;
[[nodiscard]] const char* to_string(AudioCodec codec) noexcept;
[[nodiscard]] const char* to_string(RateControl mode) noexcept;
[[nodiscard]] const char* to_string(DynamicRange range) noexcept;
[[nodiscard]] const char* to_string(ToneMap policy) noexcept;
[[nodiscard]] const char* to_string(Deinterlace mode) noexcept;
[[nodiscard]] const char* to_string(FieldOutput output) noexcept;
[[nodiscard]] const char* to_string(Denoise level) noexcept;
[[nodiscard]] const char* to_string(AudioTracks tracks) noexcept;
[[nodiscard]] const char* to_string(Format format) noexcept;
[[nodiscard]] const char* to_string(VerifyLevel level) noexcept;

/// The whole preset as JSON with sorted keys and no floats: rates as "num/den", durations as
/// "6000ms", CRF as decimal text. preset_from_json() reads it back to an equal value. `extends` is
/// left out.
[[nodiscard]] std::string canonical_json(const Preset& preset);

/// SHA-256 of canonical_json(), 64 hex digits.
[[nodiscard]] std::string digest(const Preset& preset);

}  // namespace sg::presets
