#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <base/result.hpp>
#include <protocols/rtmp_admission.hpp>
#include <protocols/rtmp_server_session.hpp>

namespace sg::protocols {

namespace rtmp {
class Connection;
struct ServerState;
}  // namespace rtmp

struct RtmpClosed {
    enum class Cause {
        kEnded,     ///< the publisher said that it ends the stream
        kLost,      ///< the connection went away without a word
        kTimeout,   ///< nothing came for too long
        kProtocol,  ///< the publisher broke the rules
        kOwner,     ///< we asked for it
    };
    Cause cause = Cause::kLost;
    std::string message;
};

/// Takes what one accepted publisher sends. Called on the thread of the server's io_context only.
class RtmpPublishSink {
  public:
    virtual ~RtmpPublishSink() = default;
    /// All messages that one read brought; may be moved from.
    virtual void on_messages(std::span<RtmpMessage> messages) = 0;
    /// Once, last.
    virtual void on_closed(const RtmpClosed& closed) = 0;
    /// Bytes of messages that were handed over and are still to be looked at, when that happens
    /// elsewhere: nothing more is read while they are many.
    [[nodiscard]] virtual std::size_t backlog() const { return 0; }
};

struct RtmpConnectionStats {
    std::uint64_t bytes = 0;     ///< received, as RTMP: without TLS
    std::uint64_t messages = 0;  ///< audio, video and data
    std::chrono::steady_clock::time_point last_arrival{};
};

/// A look at a connection that does not keep it alive. May be copied; every call from any thread.
class RtmpConnectionHandle {
  public:
    RtmpConnectionHandle() = default;
    explicit RtmpConnectionHandle(std::weak_ptr<rtmp::Connection> connection)
        : connection_(std::move(connection)) {}

    /// Tells the publisher the reason and closes; its sink hears kOwner.
    void disconnect(std::string reason) const;
    /// All zero when the connection is gone.
    [[nodiscard]] RtmpConnectionStats stats() const;

  private:
    std::weak_ptr<rtmp::Connection> connection_;
};

/// Somebody asks to publish. Nothing more is read from the connection before the answer, which may
/// come later and from any thread; no answer (the offer destroyed, or RtmpServerOptions'
/// decision_timeout over) is a refusal.
class RtmpPublishOffer {
  public:
    RtmpPublishOffer(std::shared_ptr<rtmp::Connection> connection,
                     RtmpPublishRequest request,
                     boost::asio::ip::tcp::endpoint peer,
                     bool secure);
    ~RtmpPublishOffer();
    RtmpPublishOffer(RtmpPublishOffer&&) noexcept = default;
    RtmpPublishOffer& operator=(RtmpPublishOffer&&) noexcept = delete;

    [[nodiscard]] const RtmpPublishRequest& request() const { return request_; }
    [[nodiscard]] const boost::asio::ip::tcp::endpoint& peer() const { return peer_; }
    [[nodiscard]] bool secure() const { return secure_; }
    [[nodiscard]] RtmpConnectionHandle connection() const;

    /// The first answer counts. When the publisher is gone by then, the sink hears on_closed.
    void accept(std::shared_ptr<RtmpPublishSink> sink);
    /// "NetStream.Publish.BadName" (name taken or unknown), "NetStream.Publish.Denied" (no right).
    void refuse(std::string code, std::string description);

  private:
    std::shared_ptr<rtmp::Connection> connection_;
    RtmpPublishRequest request_;
    boost::asio::ip::tcp::endpoint peer_;
    bool secure_;
    bool answered_ = false;
};

class RtmpPublishHandler {
  public:
    virtual ~RtmpPublishHandler() = default;
    /// Called on the thread of the server's io_context.
    virtual void on_publish(RtmpPublishOffer offer) = 0;
};

struct RtmpServerOptions {
    RtmpChunkLimits limits;
    /// From the connection to its publish command; slow handshakes end here.
    std::chrono::milliseconds setup_timeout{10'000};
    std::chrono::milliseconds decision_timeout{10'000};
    /// Without a byte from a publisher, or without taking our answers.
    std::chrono::milliseconds idle_timeout{15'000};
    /// While many publishers send, their bytes wait this long for more, so that one wake-up reads
    /// many messages; a few are read at once. 0 always reads at once.
    std::chrono::milliseconds read_interval{20};
    /// Of one publisher, bytes a second on average over some seconds: it is read no faster. 0: no
    /// limit.
    std::size_t publisher_rate = 0;
};

/// Takes publishers in by RTMP and RTMPS. Lives on one io_context that one thread runs; each
/// connection is a coroutine there, and no thread is made. All calls on that thread, or before it
/// runs.
class RtmpServer {
  public:
    /// `admission` may be shared by servers of other threads.
    RtmpServer(boost::asio::io_context& context,
               const RtmpServerOptions& options,
               std::shared_ptr<RtmpAdmission> admission,
               RtmpPublishHandler& handler);
    /// Stops; sinks still hear of it when the io_context goes on to run. The handler is not called
    /// any more.
    ~RtmpServer();
    RtmpServer(const RtmpServer&) = delete;
    RtmpServer& operator=(const RtmpServer&) = delete;

    enum class Security { kPlain, kTls };

    /// PEM files; connections from now on use them, so that a renewed certificate needs no restart.
    [[nodiscard]] Status use_certificate(const std::filesystem::path& chain,
                                         const std::filesystem::path& key);
    /// May be called for several endpoints. Returns the endpoint with the port that port 0 became.
    /// With `reuse_port`, servers of several threads share an endpoint.
    [[nodiscard]] Result<boost::asio::ip::tcp::endpoint> listen(
        const boost::asio::ip::tcp::endpoint& endpoint, Security security, bool reuse_port);
    /// Takes a connection that was accepted elsewhere on the same io_context.
    void serve(boost::asio::ip::tcp::socket socket, Security security);

    [[nodiscard]] std::size_t connections() const;
    /// Listens no more, and asks publishers who can to connect anew, to whatever takes them then
    /// (Enhanced RTMP v2 "Reconnect Request"). All go on until they leave.
    void drain(std::string_view reason);
    /// Listens no more and tells all publishers that the server goes.
    void stop(std::string_view reason);

  private:
    std::shared_ptr<rtmp::ServerState> state_;
};

}  // namespace sg::protocols
