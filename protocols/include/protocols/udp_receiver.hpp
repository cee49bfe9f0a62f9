#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include <boost/asio/io_context.hpp>

#include <base/result.hpp>

namespace sg::protocols {

struct UdpReceiverOptions {
    std::string address;  ///< of ours, or a multicast group; empty: any IPv4 address of ours
    std::uint16_t port = 0;
    std::string
        interface;  ///< name or address of the one to join a group on; empty: the system's choice
    std::string source;  ///< the only sender of a group that is listened to; empty: all
    std::size_t receive_buffer_bytes = std::size_t{4} << 20;
};

struct UdpCounters {
    std::uint64_t datagrams = 0;
    std::uint64_t bytes = 0;
    std::uint64_t too_large = 0;  ///< dropped
};

/// A UDP socket that takes what comes, many datagrams at a time. Lives on one io_context that one
/// thread runs; all calls on that thread.
class UdpReceiver {
  public:
    using Datagram = std::span<const std::byte>;
    /// All that was there. Their bytes are gone afterwards.
    using OnDatagrams = std::function<void(std::span<const Datagram>)>;
    using OnError = std::function<void(const Error&)>;

    /// Binds and joins. kInvalidArgument for an address that is none, or no interface of ours; kIo
    /// when the system refuses. `on_error` is called once, last.
    [[nodiscard]] static Result<std::unique_ptr<UdpReceiver>> open(
        boost::asio::io_context& context,
        const UdpReceiverOptions& options,
        OnDatagrams on_datagrams,
        OnError on_error);
    /// No handler is called any more.
    ~UdpReceiver();
    UdpReceiver(const UdpReceiver&) = delete;
    UdpReceiver& operator=(const UdpReceiver&) = delete;

    [[nodiscard]] std::uint16_t port() const;
    [[nodiscard]] UdpCounters counters() const;

  private:
    class Socket;
    explicit UdpReceiver(std::shared_ptr<Socket> socket) : socket_(std::move(socket)) {}

    std::shared_ptr<Socket> socket_;
};

}  // namespace sg::protocols
