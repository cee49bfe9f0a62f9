#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <base/result.hpp>
#include <ingest/live_unit.hpp>
#include <ingest/timed_unit.hpp>

// What a live channel and the child that encodes it say to each other: payloads of
// process::MessageType::kMedia, over a socket pair whose far end goes with the child's request.

namespace sg::engine {

/// What the child is asked, once. The request's only descriptor is its end of the media socket.
struct LiveTask {
    std::string channel;  ///< for messages
    std::string preset;   ///< canonical JSON
    std::chrono::milliseconds segment{2000};
    /// Encoders keep no picture back; else they may look half a second ahead.
    bool low_latency = true;

    [[nodiscard]] std::string request() const;
};
[[nodiscard]] std::vector<std::pair<std::string, std::string>> live_task_environment();

// To the child.

/// A track as a decoder needs to know it.
struct LiveSourceTrack {
    int id = 0;
    formats::Codec codec = formats::Codec::kH264;
    std::string language;
    std::vector<std::byte> extradata;  ///< as libav wants it
    formats::VideoFacts video;
    formats::AudioFacts audio;
};
/// A unit from before the point where encoding begins: what follows refers to it, but it is not
/// shown. Before the first unit that is.
struct LivePast {
    ingest::TimedUnit unit;
};
struct LiveTrackEnd {
    int track = 0;
};
struct LiveBreak {
    std::int64_t at_ns = 0;
};
/// Nothing follows.
struct LiveFinish {};
using LiveInputMessage =
    std::variant<LiveSourceTrack, ingest::TimedUnit, LivePast, LiveTrackEnd, LiveBreak, LiveFinish>;

[[nodiscard]] LiveSourceTrack live_source_track(const ingest::LiveTrack& track);

[[nodiscard]] std::string encode(const LiveSourceTrack& track);
[[nodiscard]] std::string encode(const ingest::TimedUnit& unit);
[[nodiscard]] std::string encode(const LivePast& past);
[[nodiscard]] std::string encode(LiveTrackEnd end);
[[nodiscard]] std::string encode(LiveBreak at);
[[nodiscard]] std::string encode(LiveFinish finish);
[[nodiscard]] Result<LiveInputMessage> decode_live_input(std::string_view payload);

// To the channel.

struct LiveRenditionInfo {
    std::string name;
    formats::Codec codec = formats::Codec::kH264;
    std::vector<std::byte> extradata;  ///< for formats::make_codec_config()
    std::string language;
    std::string label;
    bool is_default = false;
    int source_track = 0;
    std::int64_t frame_ns = 0;  ///< between pictures; 0 for sound
    std::uint64_t peak = 0;     ///< bits per second that no segment exceeds; 0: not bounded
    std::uint64_t average = 0;
};
/// Before their first sample, and again when what follows does not continue what was before.
struct LiveRenditions {
    std::vector<LiveRenditionInfo> renditions;
};
struct LiveEncodedSample {
    std::size_t rendition = 0;
    std::int64_t pts_ns = 0;
    std::int64_t dts_ns = 0;
    bool key = false;
    std::vector<std::byte> data;
};
/// There was no time to decode a picture.
struct LiveDropped {};
using LiveOutputMessage = std::variant<LiveRenditions, LiveEncodedSample, LiveDropped>;

[[nodiscard]] std::string encode(const LiveRenditions& renditions);
[[nodiscard]] std::string encode(const LiveEncodedSample& sample);
[[nodiscard]] std::string encode(LiveDropped dropped);
/// The child works on untrusted media: everything is checked, kBadData otherwise.
[[nodiscard]] Result<LiveOutputMessage> decode_live_output(std::string_view payload);

}  // namespace sg::engine
