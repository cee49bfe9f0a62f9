#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <formats/codec_config.hpp>

// What a live input delivers, whatever protocol brought it. No libav here: hundreds of passthrough
// channels run on the network threads.

namespace sg::ingest {

/// The clock that an input's times are read from.
struct LiveClock {
    std::uint32_t timescale = 90000;
    unsigned wrap_bits = 33;  ///< 32 for RTMP, 33 for transport streams, 64: never wraps
};

/// Announced before its first unit, and again whenever its configuration changes.
struct LiveTrack {
    int id = 0;  ///< stable within a session of the input
    formats::CodecConfig config;
    bool annex_b = false;  ///< H.264 and HEVC units have start codes instead of lengths
    std::string language;  ///< BCP 47; empty when not said
    int program = 0;       ///< transport streams: program number
};

/// One coded picture or audio frame, in decoding order within its track.
struct LiveUnit {
    int track = 0;
    std::int64_t pts = 0;  ///< raw, in the input's LiveClock, not unwrapped
    std::int64_t dts = 0;
    bool key = false;
    bool damaged = false;  ///< bytes of it were lost on the way
    std::vector<std::byte> data;
    std::uint32_t fine_ns = 0;  ///< to add to both times: what the clock is too coarse for
};

/// Something said about the stream beside its media: SCTE-35 section, captions, onMetaData.
struct LiveMarker {
    enum class Kind { kScte35, kCaptions, kMetadata, kTimecode };
    Kind kind = Kind::kMetadata;
    std::int64_t time = 0;  ///< raw, as pts
    std::vector<std::byte> data;
};

/// Takes what an input delivers, on the input's thread. Must not block.
class LiveSink {
  public:
    virtual ~LiveSink() = default;
    virtual void on_track(const LiveTrack& track) = 0;
    virtual void on_unit(LiveUnit unit) = 0;
    virtual void on_marker(LiveMarker marker) = 0;
    /// The sender said that this track ends.
    virtual void on_track_end(int track) = 0;
    /// A track that is not delivered, and why: "PID 0x104: teletext". Once for each.
    virtual void on_left_out(std::string_view what) = 0;
};

}  // namespace sg::ingest
