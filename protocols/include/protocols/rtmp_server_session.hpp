#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <base/result.hpp>
#include <protocols/rtmp_link.hpp>
#include <protocols/rtmp_message.hpp>

namespace sg::formats {
class Amf0Value;
}

namespace sg::protocols {

/// What a client said about the stream that it wants to publish.
struct RtmpPublishRequest {
    std::string app;     ///< "live": path of the connect command, without slashes around it
    std::string stream;  ///< "name", without its query
    /// "key=1&x=2": of the stream name and of the app, as it came; may hold secrets.
    std::string query;
    std::string host;    ///< of tcUrl, without port
    std::string client;  ///< flashVer: names the encoder
    /// The query's value of that name, percent-decoded; empty when absent.
    [[nodiscard]] std::string argument(std::string_view name) const;
};

/// The server's side of one connection (RTMP 1.0 section 7), without a socket: bytes in, messages,
/// events and bytes to send out. It takes one publisher at a time and refuses to play. Until one is
/// accepted, messages may be no larger than commands are.
class RtmpServerSession {
  public:
    enum class Event {
        kNeedInput,  ///< all input is used up but a rest that must be presented again
        kPublish,    ///< answer publish_request() with accept or refuse before advancing again
        kUnpublish,  ///< the publisher ended its stream
    };

    explicit RtmpServerSession(const RtmpChunkLimits& limits, std::uint64_t seed);

    /// Takes bytes off the front of `input` until something happens. An error ends the connection.
    [[nodiscard]] Result<Event> advance(std::span<const std::byte>& input);

    /// To be sent and cleared by the caller after each advance and answer.
    [[nodiscard]] std::vector<std::byte>& output() { return link_.output(); }
    /// Audio, video and AMF0 data messages of the publisher since the caller last cleared it. AMF3
    /// data and aggregates are already turned into these.
    [[nodiscard]] std::vector<RtmpMessage>& messages() { return messages_; }

    [[nodiscard]] const RtmpPublishRequest& publish_request() const { return request_; }
    void accept_publish();
    /// `code` is one of NetStream.Publish.*; "NetStream.Publish.BadName" when the name is taken.
    void refuse_publish(std::string_view code, std::string_view description);
    /// Asks the client to connect anew, when it said that it can (Enhanced RTMP v2 "Reconnect
    /// Request"); it goes on publishing here until it has.
    void request_reconnect(std::string_view description);
    /// Tells the client why the connection is about to be closed.
    void say_goodbye(std::string_view description);

    [[nodiscard]] bool publishing() const { return publishing_; }
    [[nodiscard]] bool handshake_done() const { return link_.open(); }

  private:
    using Values = std::vector<formats::Amf0Value>;

    Result<Event> handle(RtmpMessage message);
    Result<Event> command(const RtmpMessage& message);
    void on_connect(const Values& values);
    Event on_publish(const Values& values, std::uint32_t stream_id);
    void on_play(std::uint32_t stream_id);
    Event end_stream();
    void send_command(std::uint32_t stream_id, const Values& values);
    void send_status(std::uint32_t stream_id,
                     std::string_view level,
                     std::string_view code,
                     std::string_view description);

    const RtmpChunkLimits limits_;
    RtmpLink link_;
    std::vector<RtmpMessage> messages_;

    std::string app_;
    std::string app_query_;
    RtmpPublishRequest request_;
    bool connected_ = false;
    bool asked_ = false;  ///< a publish request waits for its answer
    bool publishing_ = false;
    bool reconnects_ = false;  ///< the client can be asked to
    std::uint32_t publish_stream_ = 0;
    std::uint32_t streams_ = 0;  ///< made by createStream
};

}  // namespace sg::protocols
