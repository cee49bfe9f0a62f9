#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <formats/bmff_reader.hpp>
#include <formats/codec_config.hpp>
#include <formats/m3u8.hpp>
#include <formats/mpd.hpp>
#include <packagers/bandwidth.hpp>

#include "verify_checks.hpp"
#include "verify_fetch.hpp"

namespace sg::engine {

/// The kinds of checks, as they stand in reports.
namespace kind {
inline constexpr const char* kHlsMultivariant = "hls_multivariant";
inline constexpr const char* kHlsMedia = "hls_media_playlist";
inline constexpr const char* kHlsDurations = "hls_durations";
inline constexpr const char* kHlsIframes = "hls_iframe_playlist";
inline constexpr const char* kHlsDeclared = "hls_declared";
inline constexpr const char* kHlsBandwidth = "hls_bandwidth";
inline constexpr const char* kDashManifest = "dash_manifest";
inline constexpr const char* kDashTimeline = "dash_timeline";
inline constexpr const char* kDashDeclared = "dash_declared";
inline constexpr const char* kDashBandwidth = "dash_bandwidth";
inline constexpr const char* kFilesPresent = "files_present";
inline constexpr const char* kFilesUnreferenced = "files_unreferenced";
inline constexpr const char* kInit = "init_segment";
inline constexpr const char* kStructure = "segment_structure";
inline constexpr const char* kContinuity = "segment_continuity";
inline constexpr const char* kKeyFrame = "segment_key_frame";
inline constexpr const char* kDecode = "segments_decode";
inline constexpr const char* kAligned = "tracks_aligned";
inline constexpr const char* kDuration = "tracks_duration";
inline constexpr const char* kPlan = "plan_borders";
}  // namespace kind

inline constexpr std::size_t kMaxSegments = 200'000;
inline constexpr std::size_t kMaxTracks = 200;  ///< of a playlist or Period each
/// Between discontinuities, of one playlist.
inline constexpr std::size_t kMaxStretches = 10'000;

struct SegmentRef {
    std::string name;
    std::optional<ByteRange> range;
    std::size_t init = 0;           ///< index into Track::inits; unused when that is empty
    std::int64_t duration_us = -1;  ///< EXTINF; -1: not in a playlist
    bool discontinuity = false;

    [[nodiscard]] bool same_bytes(const SegmentRef& other) const {
        return name == other.name && range == other.range;
    }
};

struct InitRef {
    std::string name;
    std::optional<ByteRange> range;

    friend bool operator==(const InitRef&, const InitRef&) = default;
};

/// One elementary stream's part of a segment. Times in the stream's timescale, as stored (with K).
struct MeasuredSegment {
    bool known = false;  ///< it could be read and made sense
    std::uint64_t bytes = 0;
    std::int64_t decode_time = 0;
    std::int64_t decode_end = 0;
    std::int64_t duration = 0;  ///< of what is shown
    /// Its duration may be off by this: decode times that gain on the pictures do not tell how long
    /// the last one stays.
    std::int64_t unsure = 0;
    std::int64_t first_shown = 0;
    std::int64_t last_shown = 0;  ///< start of the sample that is shown last
    std::int64_t samples = 0;
    bool key = false;  ///< its first sample, by flag and bitstream

    struct Fragment {
        std::uint64_t offset = 0;   ///< of its moof in the segment
        std::uint64_t key_end = 0;  ///< end of its first sample
        std::int64_t shown = 0;     ///< when its first sample is
        bool key = false;
    };
    std::vector<Fragment> fragments;

    [[nodiscard]] bool lasts(std::int64_t ticks) const {
        return ticks >= duration - unsure && ticks <= duration + unsure;
    }
};

enum class StreamType { kVideo, kAudio, kOther };

/// An elementary stream of a track: one in CMAF, one or more in a transport stream.
struct MeasuredStream {
    StreamType type = StreamType::kOther;
    std::uint32_t timescale = 0;
    std::optional<formats::CodecConfig> codec;
    std::int64_t edit_shift = 0;  ///< media time that an edit list presents as zero
    std::int64_t sample_duration =
        0;  ///< when all samples but perhaps the last are shown as long, else 0
    std::int64_t longest_sample = 0;
    std::int64_t shortest_sample = 0;
    std::vector<MeasuredSegment> segments;  ///< one for each of the track's

    /// What times may be off: those of RTMP are whole milliseconds.
    [[nodiscard]] std::int64_t jitter() const {
        return sample_duration == 0 ? timescale / 1000 : 0;
    }
    [[nodiscard]] bool complete() const;  ///< every segment is known
    [[nodiscard]] std::int64_t samples() const;
    [[nodiscard]] std::int64_t duration() const;
    /// When a segment's first sample is shown, and when the last segment's last one ends; edit list
    /// applied. Of known segments.
    [[nodiscard]] std::int64_t shown_start(std::size_t segment) const {
        return segments[segment].first_shown - edit_shift;
    }
    [[nodiscard]] std::int64_t shown_end() const;
};

/// One list of segments that follow each other, however many manifests name it: of a playlist all
/// from one discontinuity to the next, of an MPD those of one Period.
struct Track {
    std::string subject;    ///< for rows: its folder, else its playlist or representation
    std::string rendition;  ///< its folder
    std::string playlist;   ///< name of the HLS media playlist, empty when only DASH has it
    bool transport_stream = false;
    bool media = true;  ///< false for text, and for content that is encrypted
    /// Tracks of one stretch are shown together: the Discontinuity Sequence Number of its segments.
    std::int64_t stretch = 0;
    bool independent = false;  ///< EXT-X-INDEPENDENT-SEGMENTS
    bool ended = true;
    bool vod = true;
    std::int64_t target_seconds = 0;
    std::vector<InitRef> inits;
    std::vector<SegmentRef> segments;

    // Filled in when it is read.
    std::vector<MeasuredStream> streams;
    std::int64_t pictures_decoded = 0;

    /// The stream that its segments are cut by: video, else audio; null when nothing could be read.
    [[nodiscard]] const MeasuredStream* main_stream() const;
    /// Bytes and durations of all segments; empty when one could not be measured.
    [[nodiscard]] std::vector<packagers::TimedBytes> timed_bytes() const;
};

struct HlsPresentation {
    std::string name;
    formats::m3u8::Multivariant list;
};

struct IframePlaylist {
    std::string name;
    formats::m3u8::Media list;
    std::vector<SegmentRef> segments;
    std::vector<InitRef> inits;
};

/// A representation of an MPD's period.
struct DashUse {
    std::size_t track = 0;
    std::size_t period = 0;
    std::size_t set = 0;
    const formats::mpd::Representation* representation = nullptr;  ///< in DashPresentation::mpd
    std::string subject;                                           ///< "manifest.mpd 720p"
    std::uint32_t timescale = 1;
    std::int64_t offset = 0;                           ///< @presentationTimeOffset
    std::vector<formats::mpd::NamedSegment> timeline;  ///< empty with sidx
    std::vector<formats::ParsedReference> references;  ///< of the sidx
    std::int64_t index_start = 0;                      ///< earliest_presentation_time of the sidx
    std::int64_t period_us = 0;
};

struct DashPresentation {
    std::string name;
    formats::mpd::Mpd mpd;
    std::vector<DashUse> uses;
};

struct Presentation {
    std::vector<Track> tracks;
    std::map<std::string, std::vector<std::size_t>> tracks_of_playlist;  ///< in order, not empty
    std::vector<HlsPresentation> hls;
    std::map<std::string, IframePlaylist> iframes;  ///< by name
    std::vector<DashPresentation> dash;
    std::vector<std::string> manifests;  ///< names of all playlists and MPDs that were read
};

/// What every part of verification works with.
struct VerifyRun {
    const Fetcher& fetcher;
    Presentation& presentation;
    CheckBook& checks;
};

// Reading manifests: each adds tracks and what can be said without media. Only a stop ends them
// with an error.
[[nodiscard]] Status load_hls(VerifyRun& run, const std::string& name);
[[nodiscard]] Status load_dash(VerifyRun& run, const std::string& name);

// After all tracks were measured.
void check_unreferenced(VerifyRun& run);
void check_playlist_durations(VerifyRun& run);
void check_iframes(VerifyRun& run);
void check_hls_declared(VerifyRun& run);
void check_hls_bandwidth(VerifyRun& run);
void check_dash(VerifyRun& run);
void check_alignment(VerifyRun& run, bool planned);
void check_discontinuities(VerifyRun& run);
void check_plan(VerifyRun& run, const pipeline::Plan& plan);

/// Those of a playlist that another one names, in order; empty when it was not read.
[[nodiscard]] std::vector<const Track*> tracks_of(const VerifyRun& run,
                                                  const std::string& from,
                                                  const std::string& uri);

/// Whether a declared RFC 6381 string says the same as what was read from the media.
[[nodiscard]] bool same_codec(std::string_view declared, std::string_view measured);

}  // namespace sg::engine
