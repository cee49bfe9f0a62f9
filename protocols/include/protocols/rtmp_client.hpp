#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include <boost/asio/io_context.hpp>

#include <base/result.hpp>
#include <protocols/rtmp_client_session.hpp>

namespace sg::protocols {

namespace rtmp {
class ClientConnection;
}

struct RtmpClientOptions {
    RtmpUrl url;
    RtmpIntent intent = RtmpIntent::kPublish;
    RtmpChunkLimits limits;
    /// Until the server has accepted our publish or play.
    std::chrono::milliseconds setup_timeout{10'000};
    /// Playing: without a byte from the server. Publishing: without the server taking what waits.
    std::chrono::milliseconds idle_timeout{15'000};
    /// What may wait to be sent.
    std::size_t queue_bytes = 4 << 20;
    /// rtmps: whether the server's certificate must be right, and by which authorities (a PEM file;
    /// empty: those of the system).
    bool verify_certificate = true;
    std::filesystem::path authorities;
};

struct RtmpClientStats {
    std::uint64_t sent_bytes = 0;      ///< handed to the system
    std::uint64_t received_bytes = 0;  ///< as RTMP: without TLS
    std::size_t queued_bytes = 0;
    std::uint64_t dropped_messages = 0;  ///< refused by send() because the queue was full
    std::uint64_t dropped_bytes = 0;
};

/// Hears from a client on the thread of its io_context.
class RtmpClientHandler {
  public:
    virtual ~RtmpClientHandler() = default;
    /// The server has said yes.
    virtual void on_ready() = 0;
    /// Playing: all messages that one read brought; may be moved from.
    virtual void on_messages(std::span<RtmpMessage> messages) = 0;
    /// Once, last, unless the client object went first. kCancelled after finish().
    virtual void on_closed(const Error& why) = 0;
};

/// One connection to somebody else's server, to publish or to play. Trying again is the owner's.
/// Lives on one io_context that one thread runs; all calls on that thread, or before it runs.
class RtmpClient {
  public:
    RtmpClient(boost::asio::io_context& context,
               RtmpClientOptions options,
               RtmpClientHandler& handler);
    /// Closes at once; the handler is not called any more.
    ~RtmpClient();
    RtmpClient(const RtmpClient&) = delete;
    RtmpClient& operator=(const RtmpClient&) = delete;

    /// Begins to connect.
    void start();
    /// Publishing, once ready: queues an audio, video or AMF0 data message of `head` followed by
    /// `body`. False when the queue is full or the connection is not there: the message is dropped
    /// and counted, and the owner decides what else to leave out (to the next key frame).
    [[nodiscard]] bool send(RtmpType type,
                            std::uint32_t timestamp,
                            std::span<const std::byte> head,
                            std::span<const std::byte> body);
    /// Ends the stream in an orderly way once all is sent, then closes.
    void finish();
    [[nodiscard]] RtmpClientStats stats() const;

  private:
    std::shared_ptr<rtmp::ClientConnection> connection_;
};

}  // namespace sg::protocols
