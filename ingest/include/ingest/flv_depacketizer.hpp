#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <base/result.hpp>
#include <formats/flv.hpp>
#include <ingest/live_unit.hpp>

namespace sg::ingest {

class ParameterSets;

/// RTMP messages, or FLV tags, as a live input's tracks and units. Takes hostile bytes. Track ids:
/// twice the sender's track number, plus one for sound. A track changes with a sequence header that
/// is another one, and with key frames that bring other parameter sets than it had.
class FlvDepacketizer {
  public:
    static constexpr LiveClock kClock{1000, 32};
    /// Of each kind; others are dropped.
    static constexpr unsigned kMaxTracks = 16;

    struct Counters {
        std::uint64_t bad_messages = 0;
        std::uint64_t unsupported = 0;     ///< packets of codecs that we do not package
        std::uint64_t without_config = 0;  ///< units before their decoder configuration
    };

    explicit FlvDepacketizer(LiveSink& sink) : sink_(sink) {}

    /// `type` 8 audio, 9 video, 15 and 18 data, with their RTMP message or FLV tag body; others are
    /// nothing to it. An error tells what was wrong with this message; the next one may come.
    [[nodiscard]] Status push(std::uint8_t type,
                              std::uint32_t timestamp,
                              std::span<const std::byte> body);

    [[nodiscard]] const Counters& counters() const { return counters_; }

  private:
    using Bytes = std::span<const std::byte>;

    struct TrackState {
        TrackState();
        ~TrackState();

        std::optional<formats::Codec> codec;
        std::vector<std::byte> extradata;  ///< as it came
        bool usable = false;               ///< `config` is whole
        bool announced = false;
        formats::CodecConfig config;          ///< as the bitstream has it
        std::unique_ptr<ParameterSets> sets;  ///< H.264, HEVC: those of `config`
        formats::FlvColorInfo colour;
        unsigned channels = 0;  ///< 0: not told beside the configuration
        LiveTrack track;
    };

    Status packet(bool video, std::uint32_t timestamp, const formats::FlvPacket& packet);
    Status start(TrackState& state, formats::Codec codec, Bytes extradata);
    /// What a key frame, or a frame that describes itself, says of the stream.
    Status learn(TrackState& state, Bytes frame);
    Status colour(TrackState& state, Bytes data);
    Status channels(TrackState& state, Bytes data);
    Status take(TrackState& state, Result<formats::CodecConfig> config);
    void announce(TrackState& state);
    void unit(TrackState& state,
              std::uint32_t timestamp,
              const formats::FlvPacket& packet,
              bool key);
    Status data(std::uint8_t type, std::uint32_t timestamp, Bytes body);

    LiveSink& sink_;
    std::map<int, TrackState> tracks_;
    std::vector<formats::FlvPacket> packets_;
    Counters counters_;
};

}  // namespace sg::ingest
