#pragma once

#include <cstdint>
#include <string>

#include <engine/live_link.hpp>

namespace sg::engine {

/// An input that a child reads or makes, and delivers in real time: LiveSourceTrack (with what
/// formats::make_codec_config() wants), TimedUnit on the input's own clock, LiveTrackEnd and
/// LiveFinish of live_link.hpp, from the child. The request's only descriptor is its end of the
/// media socket.
struct PullTask {
    enum class Kind {
        kRtsp,      ///< through GStreamer
        kFileLoop,  ///< a file, again and again
        kTestCard,  ///< colour bars with a running clock, and a tone
        kSlate,  ///< one loop of a still picture and silence, as fast as it is made, then the end
    };
    Kind kind = Kind::kTestCard;
    std::string channel;  ///< for messages
    std::string url;  ///< of kRtsp (may hold secrets), path of kFileLoop, image of kSlate or empty

    /// How long a slate's loop lasts; its times begin at zero.
    static constexpr std::int64_t kSlateLoopNs = 2'560'000'000;

    [[nodiscard]] std::string request() const;
};

}  // namespace sg::engine
