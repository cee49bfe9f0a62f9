#pragma once

#include <vector>

#include <formats/byte_reader.hpp>
#include <formats/flv.hpp>

namespace sg::formats::flv {

/// Packet types of Enhanced RTMP v2; 2 and 3 mean the same for both media, the rest differs.
enum VideoType : std::uint8_t {
    kVideoSequenceStart = 0,
    kVideoCodedFrames = 1,
    kVideoSequenceEnd = 2,
    kVideoCodedFramesX = 3,
    kVideoMetadata = 4,
    kVideoMpeg2TsSequenceStart = 5,
    kVideoMultitrack = 6,
    kVideoModEx = 7,
};
enum AudioType : std::uint8_t {
    kAudioSequenceStart = 0,
    kAudioCodedFrames = 1,
    kAudioSequenceEnd = 2,
    kAudioMultichannelConfig = 4,
    kAudioMultitrack = 5,
    kAudioModEx = 7,
};
enum MultitrackType : std::uint8_t { kOneTrack = 0, kManyTracks = 1, kManyTracksManyCodecs = 2 };

/// Takes ModEx off the front of an enhanced tag whose first byte is read, and returns the packet
/// type behind it.
[[nodiscard]] Result<std::uint8_t> read_modex(ByteReader& reader,
                                              std::uint8_t packet_type,
                                              std::uint8_t modex,
                                              std::uint32_t& nanoseconds);

/// What stands before the tracks of an enhanced tag.
struct Head {
    std::uint8_t packet_type = 0;
    bool multitrack = false;
    std::uint8_t multitrack_type = kOneTrack;
    FourCc codec = 0;  ///< 0 with kManyTracksManyCodecs: each track has its own
};
/// `multitrack` is the packet type with that meaning for the medium.
[[nodiscard]] Result<Head> read_head(ByteReader& reader,
                                     std::uint8_t packet_type,
                                     std::uint8_t multitrack);

struct Track {
    std::uint8_t id = 0;
    FourCc codec = 0;
    std::span<const std::byte> body;
};
/// The next track, to be called until the reader is at its end; without multitrack, the rest.
[[nodiscard]] Result<Track> read_track(ByteReader& reader, const Head& head);

}  // namespace sg::formats::flv
