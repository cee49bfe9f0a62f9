#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <base/result.hpp>

/// HLS playlists as values: RFC 8216 and draft-pantos-hls-rfc8216bis, the tags of finished and
/// growing (EVENT) streams.
namespace sg::formats::m3u8 {

struct ByteRange {
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
    bool operator==(const ByteRange&) const = default;
};

struct Resolution {
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    bool operator==(const Resolution&) const = default;
};

enum class MediaType { kAudio, kVideo, kSubtitles, kClosedCaptions };

/// EXT-X-MEDIA (RFC 8216 §4.3.4.1). Empty strings are absent attributes.
struct Rendition {
    MediaType type = MediaType::kAudio;
    std::string group_id;
    std::string name;
    std::string language;
    std::string uri;
    bool is_default = false;
    bool autoselect = false;
    bool forced = false;
    std::string channels;
    std::string characteristics;
    std::string instream_id;
    bool operator==(const Rendition&) const = default;
};

/// EXT-X-STREAM-INF with its URI, or EXT-X-I-FRAME-STREAM-INF (§4.3.4.2, §4.3.4.3). Empty and 0 are
/// absent.
struct Variant {
    std::uint64_t bandwidth = 0;
    std::uint64_t average_bandwidth = 0;
    std::string codecs;
    std::optional<Resolution> resolution;
    std::uint32_t frame_rate_milli = 0;  ///< frames in 1000 s: FRAME-RATE has three decimals
    std::string video_range;             ///< "SDR", "PQ", "HLG"
    std::string audio;                   ///< GROUP-ID
    std::string subtitles;               ///< GROUP-ID
    std::string uri;
    bool operator==(const Variant&) const = default;
};

/// A tag that the parser knows nothing of; it must be ignored (§6.3.1), but a checker may want to
/// show it.
struct UnknownTag {
    std::size_t line = 0;
    std::string name;
    bool operator==(const UnknownTag&) const = default;
};

struct Multivariant {
    unsigned version = 0;  ///< 0: no EXT-X-VERSION tag
    bool independent_segments = false;
    std::vector<Rendition> renditions;
    std::vector<Variant> variants;
    std::vector<Variant> iframe_variants;
    std::vector<UnknownTag> unknown;
};

struct Map {
    std::string uri;
    std::optional<ByteRange> range;
    bool operator==(const Map&) const = default;
};

struct Segment {
    std::string uri;
    std::int64_t duration_us = 0;  ///< EXTINF
    std::optional<ByteRange> range;
    std::optional<std::size_t> map;                    ///< index into Media::maps
    bool discontinuity = false;                        ///< EXT-X-DISCONTINUITY stands before it
    std::optional<std::int64_t> program_date_time_ms;  ///< since 1970-01-01T00:00:00Z
    std::string title;
    bool gap = false;  ///< EXT-X-GAP: there is no such resource
    bool operator==(const Segment&) const = default;
};

enum class PlaylistType { kNone, kVod, kEvent };

struct Media {
    unsigned version = 0;  ///< as read; the writer takes required_version() when it is larger
    std::int64_t target_seconds = 0;
    std::uint64_t media_sequence = 0;
    std::uint64_t discontinuity_sequence = 0;
    PlaylistType type = PlaylistType::kNone;
    bool iframes_only = false;
    bool independent_segments = false;
    bool encrypted = false;  ///< read only: an EXT-X-KEY other than NONE was seen
    bool ended = false;      ///< EXT-X-ENDLIST
    std::vector<Map> maps;
    std::vector<Segment> segments;
    std::vector<UnknownTag> unknown;
};

using Playlist = std::variant<Multivariant, Media>;

/// Lowest EXT-X-VERSION that allows the features used (§7).
[[nodiscard]] unsigned required_version(const Media& playlist);

/// What EXT-X-TARGETDURATION must be at least for a segment: its duration to the nearest second, at
/// least 1 (§4.3.3.1).
[[nodiscard]] std::int64_t target_seconds(std::int64_t duration_us);

[[nodiscard]] std::string write(const Multivariant& playlist);
[[nodiscard]] std::string write(const Media& playlist);

/// As checkers read, or as players do: those pass over every breach that leaves no doubt about
/// which segments there are, such as an EXTINF that is longer than the target duration.
enum class Reading { kStrict, kLenient };

/// Takes hostile bytes; memory stays proportional to them, more than 64 MiB is kLimit. The first
/// breach of a MUST that counts is kBadData, "line 12: what is wrong". Tags that are not known are
/// ignored and listed.
[[nodiscard]] Result<Playlist> parse(std::string_view bytes, Reading reading = Reading::kStrict);

}  // namespace sg::formats::m3u8
