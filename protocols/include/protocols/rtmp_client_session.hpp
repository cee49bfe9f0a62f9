#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <base/result.hpp>
#include <protocols/rtmp_link.hpp>
#include <protocols/rtmp_message.hpp>
#include <protocols/rtmp_url.hpp>

namespace sg::formats {
class Amf0Value;
}

namespace sg::protocols {

enum class RtmpIntent { kPublish, kPlay };

/// The client's side of one connection (RTMP 1.0 section 7), without a socket. The first bytes are
/// in output() at once.
class RtmpClientSession {
  public:
    enum class Event {
        kNeedInput,  ///< all input is used up but a rest that must be presented again
        kReady,      ///< once: the server takes our messages, or has begun to send its own
    };

    RtmpClientSession(RtmpUrl url,
                      RtmpIntent intent,
                      const RtmpChunkLimits& limits,
                      std::uint64_t seed);

    /// An error ends the connection: the server said no, closed the stream or sent nonsense.
    [[nodiscard]] Result<Event> advance(std::span<const std::byte>& input);

    /// To be sent and cleared by the caller.
    [[nodiscard]] std::vector<std::byte>& output() { return link_.output(); }
    /// Audio, video and AMF0 data messages that came since the caller last cleared it.
    [[nodiscard]] std::vector<RtmpMessage>& messages() { return messages_; }

    /// Appends an audio, video or AMF0 data message of `head` followed by `body` to output().
    void send(RtmpType type,
              std::uint32_t timestamp,
              std::span<const std::byte> head,
              std::span<const std::byte> body);
    /// Ends the stream in an orderly way.
    void finish();

    [[nodiscard]] bool ready() const { return ready_; }

  private:
    Result<Event> handle(RtmpMessage message);
    Result<Event> command(const RtmpMessage& message);
    Result<Event> on_status(const formats::Amf0Value& info);
    [[nodiscard]] Error refusal(const formats::Amf0Value& info) const;
    void connect();
    void on_connected();
    Status on_stream(double stream_id);
    Event become_ready();

    RtmpUrl url_;
    RtmpIntent intent_;
    RtmpLink link_;
    std::vector<RtmpMessage> messages_;
    bool connect_sent_ = false;
    bool ready_ = false;
    std::uint32_t stream_id_ = 0;
};

}  // namespace sg::protocols
