#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <media/stream_info.hpp>
#include <pipeline/plan.hpp>

namespace sg::ingest {

/// Something about a source that its owner should know, in plain words: {"vfr", "the frame rate
/// varies ..."}. Codes are stable.
struct Warning {
    std::string code;
    std::string text;
};

struct Chapter {
    std::string title;
    std::int64_t start_ns = 0;
    std::int64_t end_ns = 0;
};

/// What a container says about a stream's role.
struct Disposition {
    bool is_default = false;
    bool original = false;
    bool dub = false;
    bool comment = false;
    bool forced = false;
    bool hearing_impaired = false;
    bool visual_impaired = false;  ///< audio description
    bool attached_picture = false;
    bool still_image = false;
};

/// Dolby Vision configuration record (Dolby Vision Streams Within the ISO Base Media File Format,
/// section 3).
struct DolbyVision {
    int profile = 0;
    int level = 0;
    bool base_layer = false;
    bool enhancement_layer = false;
    int compatibility_id = 0;  ///< 1: base layer is HDR10, 2: SDR, 4: HLG
};

struct VideoFacts {
    int width = 0;  ///< as decoded, before rotation and SAR
    int height = 0;
    int coded_width = 0;
    int coded_height = 0;
    media::Rational sar{1, 1};            ///< what a player uses: the container's, else the codec's
    media::Rational container_sar{0, 1};  ///< {0, 1}: not said
    media::Rational codec_sar{0, 1};
    std::string pixel_format;  ///< libav's name
    int bit_depth = 0;
    std::string chroma;  ///< "4:2:0", "4:2:2", "4:4:4", "4:0:0", "rgb"
    bool has_alpha = false;
    media::Colour colour;
    bool colour_range_known = false;
    bool has_mastering_display = false;
    media::MasteringDisplay mastering_display;
    bool has_content_light = false;
    media::ContentLight content_light;
    bool has_dolby_vision = false;
    DolbyVision dolby_vision;
    media::Rational declared_rate{0, 1};  ///< libav's r_frame_rate
    media::Rational average_rate{0, 1};   ///< libav's avg_frame_rate
    media::Rational true_rate{0,
                              1};  ///< estimate from the packets looked at; the index knows exactly
    bool variable_rate = false;    ///< the packets looked at do not fit one rate
    std::string field_order = "unknown";  ///< "progressive", "tt", "bb", "tb", "bt", "unknown"
    bool interlaced = false;
    int rotation = 0;   ///< degrees clockwise that a player turns the picture by: 0, 90, 180, 270
                        ///< (others rounded)
    bool flip = false;  ///< mirrored left to right, before the rotation
    bool closed_captions = false;
    bool has_b_frames = false;
    std::int64_t keyframe_spacing_ns =
        0;  ///< the largest seen in the packets looked at; 0: fewer than two key frames seen
    std::int64_t key_frames_seen = 0;
    std::int64_t packets_seen = 0;
};

struct AudioFacts {
    int sample_rate = 0;
    int channels = 0;
    std::string layout;  ///< libav's name: "5.1(side)"
    std::string sample_format;
    int bits = 0;             ///< per sample where it means something (PCM, FLAC), else 0
    int frame_samples = 0;    ///< 0: not fixed or not known
    int initial_padding = 0;  ///< samples of encoder delay that the container or codec announces
};

struct EditFacts {
    bool present = false;
    int entries = 0;
    std::int64_t empty_ns = 0;  ///< the stream starts this much later
    std::int64_t skip_ns = 0;   ///< media cut off its front
};

struct StreamFacts {
    int index = -1;
    std::int64_t id = 0;  ///< the container's own number: track id, PID
    int program = 0;      ///< of a transport stream; 0: none
    media::MediaType type = media::MediaType::kUnknown;
    media::CodecId codec = media::CodecId::kUnknown;
    std::string codec_detail;  ///< libav's codec name
    std::string profile;       ///< "" when not known
    int level = 0;             ///< as the codec counts it (H.264: 41 is 4.1); 0 when not known
    std::string tag;           ///< the container's four characters, "" when none
    media::Timebase timebase{1, 1};
    std::int64_t start = media::kNoTime;     ///< ticks of `timebase`
    std::int64_t duration = media::kNoTime;  ///< ticks; kNoTime when the container does not say
    std::int64_t bit_rate = 0;               ///< 0: not known
    std::int64_t frames = 0;                 ///< as the container says, 0: not known
    Disposition disposition;
    std::string language;      ///< as found
    std::string language_tag;  ///< BCP 47, "und" when unknown
    std::string title;
    bool decodable = false;
    bool encrypted = false;
    EditFacts edits;
    VideoFacts video;  ///< when type is kVideo
    AudioFacts audio;  ///< when type is kAudio

    media::StreamInfoPtr
        info;  ///< with extradata, in the stream's own timebase; never null once the source is open
    [[nodiscard]] media::StreamInfoPtr stream_info() const { return info; }
    /// Moving pictures that can be shown: not a cover, not a still.
    [[nodiscard]] bool is_playable_video() const {
        return type == media::MediaType::kVideo && !disposition.attached_picture &&
               !disposition.still_image;
    }
    [[nodiscard]] std::int64_t start_ns() const {
        return media::rescale(start, timebase, media::kNanoseconds, media::Rounding::kNearest);
    }
};

/// What a look at the first part of a source tells; bounded in bytes and time. engine::Index knows
/// the rest.
struct SourceFacts {
    std::string name;  ///< for messages; never a full path
    pipeline::SourceIdentity identity;
    std::string demuxer;    ///< libav's short name, can be forced when the source is opened again
    std::string container;  ///< libav's long name
    std::int64_t bytes = 0;
    std::int64_t duration_ns = media::kNoTime;  ///< as the container says or estimated
    std::int64_t start_ns = media::kNoTime;     ///< earliest start of any audio or video stream
    std::int64_t bit_rate = 0;
    bool seekable_by_time = false;  ///< the container has an index that finds timestamps exactly
    pipeline::SeekMethod seek = pipeline::SeekMethod::kScan;
    std::string title;
    std::string language;
    std::vector<Chapter> chapters;
    std::vector<StreamFacts> streams;  ///< at position `index`
    std::vector<Warning> warnings;

    /// The video a player would show: default disposition first, then the largest picture, then the
    /// first; null when none.
    [[nodiscard]] const StreamFacts* best_video() const;
    [[nodiscard]] const StreamFacts* best_audio() const;
    [[nodiscard]] const StreamFacts* stream(int index) const;
};

/// JSON with stable keys, for `probe --json`.
[[nodiscard]] std::string to_json(const SourceFacts& facts);
/// A table for people, several lines.
[[nodiscard]] std::string describe(const SourceFacts& facts);

/// ISO 639-2 B or T, or ISO 639-1, or a tag, to the shortest BCP 47 tag: "ger" -> "de", "pt-br" ->
/// "pt-BR", "xyz!" -> "und".
[[nodiscard]] std::string language_tag(const std::string& found);

}  // namespace sg::ingest
