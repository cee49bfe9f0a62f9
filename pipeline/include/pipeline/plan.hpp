#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <base/result.hpp>
#include <media/codec.hpp>
#include <media/stream_info.hpp>
#include <pipeline/grid.hpp>
#include <pipeline/timeline.hpp>

namespace sg::pipeline {

/// Version of the plan's JSON. A plan of another version is refused, never migrated.
inline constexpr int kPlanVersion = 1;

/// Everything in a plan is integers, rationals and names: it is serialised as canonical JSON and
/// hashed, so the same source and preset give the same bytes anywhere. No paths, no secrets, no
/// estimates.

/// How a source is recognised when a task starts.
struct SourceIdentity {
    std::string kind;    ///< "sha256" (whole file) or "sampled" (size, time of change and blocks)
    std::string digest;  ///< hex
    std::int64_t bytes = 0;

    friend bool operator==(const SourceIdentity&, const SourceIdentity&) = default;
};

/// How a task gets to a key frame in the middle.
enum class SeekMethod {
    kTime,      ///< the container's index finds a timestamp exactly (MP4, Matroska)
    kPosition,  ///< start reading at the byte offset (TS, PS)
    kScan,      ///< read from the start and drop packets: always right, never fast
};

struct SourcePlan {
    SourceIdentity identity;
    std::string demuxer;  ///< libav's short name, forced when a task opens the source so that
                          ///< probing cannot differ
    SeekMethod seek = SeekMethod::kScan;
    TimelineMap timeline;
};

/// Where a chunk's decoder starts: the last key frame from which every picture that the chunk shows
/// can be decoded.
struct SeekPoint {
    std::int64_t pts = media::kNoTime;  ///< source timebase; kNoTime: from the start of the source
    std::int64_t dts = media::kNoTime;
    std::int64_t position = -1;

    friend bool operator==(const SeekPoint&, const SeekPoint&) = default;
};

/// A run of whole segments, encoded by one task for all encoded video renditions. Frames are of the
/// base grid.
struct Chunk {
    std::int64_t first_segment = 0;  ///< from 0
    std::int64_t segments = 0;
    std::int64_t first_frame = 0;
    std::int64_t frames = 0;
    SeekPoint start;
};

/// One libavfilter filter and what it needs around a frame. Args are complete: nothing is left to a
/// library default that may move.
struct FilterStep {
    std::string name;
    std::string args;
    std::int64_t frames_before = 0;
    std::int64_t frames_after = 0;
};

/// A chain of pictures that renditions are scaled from: the source as it is, or tone-mapped to SDR.
struct VideoBranch {
    std::string name;                 ///< "source" or "sdr"
    std::vector<FilterStep> filters;  ///< run on output-grid frames, at source size
    std::string pixel_format;         ///< what comes out of `filters`
    media::Colour colour;
};

enum class RenditionMode { kEncode, kCopy };

struct EncoderSettings {
    std::string name;  ///< libav encoder: "libx264"
    /// Resolved options in the order they are set: private and generic libav options ("crf",
    /// "maxrate", "g", "x264-params").
    std::vector<std::pair<std::string, std::string>> options;
    std::int64_t gop_frames = 0;  ///< of this rendition's own grid
    std::int64_t threads = 1;
    /// What rate control promises at most, bits per second; 0 when it promises nothing. Bounds
    /// BANDWIDTH before it can be measured.
    std::int64_t max_bitrate = 0;
    std::int64_t buffer_bits = 0;
};

struct VideoRendition {
    std::string name;  ///< its folder: "1080p"
    media::CodecId codec = media::CodecId::kH264;
    RenditionMode mode = RenditionMode::kEncode;
    std::int64_t source_stream = -1;
    std::int64_t width = 0;
    std::int64_t height = 0;
    media::Rational sar{1, 1};
    std::int64_t timescale = 0;
    /// Presentation ticks (without K) of segment starts, then the end.
    std::vector<std::int64_t> borders;
    /// Ticks from when a segment is decoded to when it is shown, in all but the first; streams that
    /// do not reorder go without (ADR 0001).
    std::int64_t decode_lead = 0;

    // Encoded only.
    std::int64_t frame_divisor = 1;  ///< shows every n-th frame of the base grid
    media::Rational frame_rate{0, 1};
    std::int64_t frame_duration = 0;  ///< ticks
    std::int64_t branch = 0;          ///< index into VideoPlan::branches
    std::int64_t scale_from = -1;     ///< index of the larger rendition whose picture is scaled
                                      ///< further; -1: the branch's own picture
    std::string pixel_format;
    media::Colour colour;
    EncoderSettings encoder;
};

struct VideoPlan {
    std::int64_t source_stream = -1;  ///< the stream that is decoded; -1 when nothing is encoded
    FrameGrid grid;
    /// Run on every decoded frame before the grid picks one: deinterlacing, inverse telecine.
    std::vector<FilterStep> source_filters;
    /// What a decoded frame is brought to first when the source changes size or format in
    /// mid-stream.
    std::int64_t source_width = 0;
    std::int64_t source_height = 0;
    std::string source_pixel_format;
    media::Rational source_sar{1, 1};
    media::Colour source_colour;
    std::int64_t rotation =
        0;  ///< degrees clockwise that the picture must be turned by, done in the branch filters
    std::vector<VideoBranch> branches;
    std::vector<VideoRendition> renditions;
    std::vector<Chunk> chunks;
};

struct AudioRendition {
    std::string name;  ///< its folder: "audio-en"
    media::CodecId codec = media::CodecId::kAac;
    RenditionMode mode = RenditionMode::kEncode;
    std::int64_t source_stream = -1;
    std::string language;  ///< BCP 47, "und" when unknown
    std::string label;
    bool is_default = false;
    bool describes_video = false;
    std::int64_t sample_rate = 0;  ///< also its timescale
    std::int64_t channels = 0;
    std::string channel_layout;
    std::int64_t frame_samples = 0;
    /// Samples that the encoder puts in front (its delay); they stay as real samples before
    /// presentation time zero. For a copy: how far the first copied frame starts before zero.
    std::int64_t priming = 0;
    std::int64_t samples = 0;  ///< presented, from zero
    EncoderSettings encoder;
    /// Presentation ticks (without K) of segment starts, then the end. The first is -priming.
    std::vector<std::int64_t> borders;
};

struct PackagingPlan {
    bool hls_cmaf = true;
    bool hls_ts = false;
    bool dash = true;
    bool single_file = false;
    bool iframe_playlists = true;
    std::int64_t target_ms = 6000;  ///< EXT-X-TARGETDURATION before rounding: no segment is longer
    std::int64_t offset_seconds =
        0;  ///< K: presentation time zero is stored as this in every track
};

/// A decision and its reason, for people and machines: {"rung_dropped", "1080p", "the source is
/// 1280x720"}.
struct PlanNote {
    std::string code;
    std::string subject;
    std::string reason;
};

struct Plan {
    SourcePlan source;
    std::string preset;  ///< "web-hd@1"
    std::string preset_digest;
    std::string preset_json;       ///< the fully resolved preset, canonical JSON
    std::int64_t duration_ns = 0;  ///< of the presentation
    std::int64_t segment_count = 0;
    std::int64_t decode_errors_allowed =
        -1;  ///< pictures and audio frames that may fail to decode; -1: any
    VideoPlan video;
    std::vector<AudioRendition> audio;
    PackagingPlan packaging;
    std::vector<PlanNote> notes;

    /// Sorted keys, integers only, no white space.
    [[nodiscard]] std::string canonical_json() const;
    [[nodiscard]] std::string digest() const;  ///< SHA-256 of canonical_json()
    /// Errors: kBadData (not a plan), kUnsupported (another plan_version).
    [[nodiscard]] static Result<Plan> from_json(const std::string& text);
};

[[nodiscard]] const char* seek_method_name(SeekMethod method);

}  // namespace sg::pipeline
