#pragma once

#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include <base/result.hpp>
#include <formats/codec_config.hpp>
#include <ingest/timed_unit.hpp>

namespace sg::ingest {

/// A track of an input that runs in a child.
struct PulledTrack {
    int id = 0;
    formats::Codec codec = formats::Codec::kH264;
    std::vector<std::byte> extradata;  ///< what formats::make_codec_config() takes
    std::string language;
};

/// Takes what such an input delivers, in real time. May block. An error ends the input.
class PulledMedia {
  public:
    virtual ~PulledMedia() = default;
    /// Before its first unit.
    [[nodiscard]] virtual Status on_track(const PulledTrack& track) = 0;
    /// On the input's own clock, in nanoseconds. H.264 and HEVC as their track's extradata says:
    /// lengths, or start codes.
    [[nodiscard]] virtual Status on_unit(TimedUnit unit) = 0;
};

/// A file, paced by its own times, again and again: the times go on where they ended. Tracks that
/// cannot be packaged are left out. Blocks until stopped (kCancelled), or until the file cannot be
/// read.
[[nodiscard]] Status loop_file(const std::filesystem::path& path,
                               PulledMedia& media,
                               std::stop_token stop);

/// rtsp://, rtsps:// or rtspu:// (over UDP) through GStreamer, which is loaded with the first call.
/// Blocks until stopped (kCancelled) or the stream ends (kEndOfStream). kUnsupported without
/// GStreamer, or for a stream of which nothing can be packaged. No message holds the URL's
/// credentials.
[[nodiscard]] Status pull_rtsp(const std::string& url, PulledMedia& media, std::stop_token stop);

}  // namespace sg::ingest
