#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sg::packagers {

/// One moof+mdat pair: a key frame, or the samples behind it up to the next one, or the whole
/// segment of an audio track.
struct FragmentIndex {
    std::uint64_t offset = 0;     ///< of its moof in the segment's bytes
    std::uint64_t bytes = 0;      ///< moof + mdat
    std::uint64_t key_bytes = 0;  ///< from `offset` to the end of its first sample when that is a
                                  ///< key frame, what an I-frame playlist names; else 0
    std::int64_t start =
        0;  ///< presentation time from the timeline's origin (without K), track timescale
    std::int64_t duration = 0;  ///< track timescale
};

/// What manifests, verification and the resume journal need to know about a written segment.
struct SegmentIndex {
    std::int64_t number = 0;  ///< from 1; the n of seg-<n>.m4s
    std::int64_t start = 0;   ///< presentation time of its first sample from the timeline's origin
                              ///< (without K), track timescale
    std::int64_t duration = 0;  ///< sum of its samples' durations, track timescale
    std::uint32_t samples = 0;
    std::uint64_t bytes = 0;
    std::string sha256;       ///< of the segment's bytes; empty when it was not asked for
    bool independent = true;  ///< starts with a key frame that needs nothing before it
    std::vector<FragmentIndex> fragments;
};

enum class TrackType { kVideo, kAudio };
enum class VideoRange { kSdr, kPq, kHlg };

/// One rendition as a player sees it. Everything here was read from the bitstream that was written,
/// not from what was asked for.
struct TrackDescription {
    TrackType type = TrackType::kVideo;
    std::string rendition;  ///< its name, which is its folder: "1080p", "audio-en"
    std::string codecs;     ///< RFC 6381: "avc1.640028"
    std::uint32_t timescale = 0;
    std::int64_t offset =
        0;  ///< K in this timescale: presentation time 0 is stored as this (DESIGN 4)
    std::string init_file;  ///< "init-0123abcd.mp4"
    std::uint64_t init_bytes = 0;

    // Video. Width and height are the coded picture after cropping; the sample aspect ratio turns
    // them into what is shown.
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    std::uint32_t sar_num = 1;
    std::uint32_t sar_den = 1;
    std::uint32_t frame_rate_num = 0;  ///< 0 when it varies
    std::uint32_t frame_rate_den = 1;
    VideoRange range = VideoRange::kSdr;
    int colour_primaries = 2;  ///< ISO/IEC 23091-2 code points; 2 = unspecified
    int transfer = 2;
    int matrix = 2;
    bool full_range = false;

    // Audio.
    std::uint32_t sample_rate = 0;
    std::uint32_t channels = 0;
    std::string language;  ///< BCP 47, "und" when unknown
    std::string label;     ///< what a player's menu shows: "English"
    bool is_default = false;
    bool describes_video = false;  ///< audio description for people who cannot see the picture
    /// Which of the source's audio tracks this carries. Renditions of one source track are
    /// alternatives to each other (other codec, channels or bitrate); renditions of different ones
    /// are choices in a player's menu.
    int source_track = 0;
};

/// Where things lie when a rendition is one file instead of segment files: init segment, sidx, then
/// all segments in order.
struct SingleFile {
    std::string name;  ///< "media.mp4", beside the rendition's playlist
    std::uint64_t index_offset = 0;
    std::uint64_t index_bytes = 0;
    std::uint64_t media_offset = 0;  ///< of the first segment
};

/// A finished rendition: what the presentations (HLS, DASH) are written from.
struct TrackIndex {
    TrackDescription description;
    std::vector<SegmentIndex> segments;
    /// Longest segment that the plan allows, in milliseconds: the same for all renditions of a
    /// presentation.
    std::int64_t target_ms = 0;
    std::optional<SingleFile> single_file;
    /// Wall clock at its first segment, milliseconds since 1970: EXT-X-PROGRAM-DATE-TIME.
    std::optional<std::int64_t> date_ms;
};

}  // namespace sg::packagers
