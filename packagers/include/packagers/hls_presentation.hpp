#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <formats/m3u8.hpp>
#include <packagers/bandwidth.hpp>
#include <packagers/segment.hpp>
#include <packagers/stretch.hpp>

namespace sg::packagers {

/// EXT-X-TARGETDURATION for playlists that will not grow: the longest segment there is, the same
/// for all renditions.
[[nodiscard]] std::int64_t final_target_seconds(std::span<const TrackIndex> tracks);
[[nodiscard]] std::int64_t final_target_seconds(std::span<const Stretch> stretches);

/// The same for playlists that grow while the rest is encoded, where it must never change: from the
/// plan.
[[nodiscard]] std::int64_t planned_target_seconds(std::span<const TrackIndex> tracks);

struct MultivariantOptions {
    /// Of the media playlists: the peak bit rate is measured over runs of about this length.
    std::int64_t target_seconds = 0;
    /// Bit rates to declare by rendition name, in place of measured ones: while the rest is still
    /// being encoded.
    std::map<std::string, Bitrate> declared = {};
    /// Where the renditions' folders lie from the multivariant playlist: "" or "ts/".
    std::string folder = {};
    std::string playlist = "index.m3u8";  ///< name of a rendition's media playlist
    bool iframe_playlists = true;         ///< they exist, so they are named
    /// TS: the audio that is inside every video segment; it is a rendition without a URI.
    std::optional<TrackDescription> muxed_audio = {};
};

/// <out>/index.m3u8 over <out>/<rendition>/index.m3u8. Each video codec and range is paired with
/// each audio group; BANDWIDTH is the sum of the peaks of the video and of its group's largest
/// audio (RFC 8216 §4.3.4.2). The first variant is the one to start with: H.264, SDR, stereo AAC, a
/// middle bit rate. Without video the audio groups are the variants.
[[nodiscard]] std::string multivariant_playlist(std::span<const TrackIndex> tracks,
                                                const MultivariantOptions& options);
/// Over the renditions that all stretches have, since every media playlist must have the same
/// discontinuities. CODECS lists what any stretch is, RESOLUTION and FRAME-RATE are the largest.
[[nodiscard]] std::string multivariant_playlist(std::span<const Stretch> stretches,
                                                const MultivariantOptions& options);

struct MediaPlaylistOptions {
    formats::m3u8::PlaylistType type = formats::m3u8::PlaylistType::kVod;
    bool ended = true;
    std::int64_t target_seconds = 0;
};

/// <out>/<rendition>/index.m3u8 over seg-<n>.m4s, or over seg-<n>.ts when the track has no init
/// segment. EXTINF values are differences of rounded border times, so their sum never drifts.
[[nodiscard]] std::string media_playlist(const TrackIndex& track,
                                         const MediaPlaylistOptions& options);
/// The same of a rendition that all stretches have: EXT-X-DISCONTINUITY between two of them, with
/// EXT-X-MAP where the init segment is another one.
[[nodiscard]] std::string media_playlist(std::span<const Stretch> stretches,
                                         std::string_view rendition,
                                         const MediaPlaylistOptions& options);

/// <out>/<rendition>/iframes.m3u8: byte ranges from each fragment's start to the end of its key
/// frame. A finished one has a target duration of its own, as RFC 8216bis allows for it alone.
[[nodiscard]] std::string iframe_playlist(const TrackIndex& track,
                                          const MediaPlaylistOptions& options);

}  // namespace sg::packagers
