#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include <base/result.hpp>
#include <protocols/srt_stream_id.hpp>

namespace sg::protocols {

/// Runs a function later on the owner's thread: boost::asio::post to its io_context, usually.
using SrtExecutor = std::function<void(std::function<void()>)>;

/// Called on the connection's executor.
struct SrtHandler {
    /// A batch of received bytes, in order.
    std::function<void(std::span<const std::byte>)> on_data;
    /// Once, after the last data: the peer left (kEndOfStream), or was silent (kTimeout).
    std::function<void(const Error&)> on_end;
};

/// Totals since the connection began, and values of the moment.
struct SrtStatistics {
    double rtt_ms = 0;
    double bandwidth_mbps = 0;  ///< estimate of the link
    double receive_mbps = 0;
    double send_mbps = 0;
    std::uint64_t packets_received = 0;
    std::uint64_t packets_lost = 0;     ///< on the way here; most come again
    std::uint64_t packets_dropped = 0;  ///< came too late or never
    std::uint64_t packets_undecrypted = 0;
    std::uint64_t packets_sent = 0;
    std::uint64_t packets_send_lost = 0;
    std::uint64_t packets_retransmitted = 0;
    std::uint64_t packets_send_dropped = 0;
    std::uint64_t bytes_received = 0;
    std::uint64_t bytes_sent = 0;
    std::uint32_t receive_buffer_ms = 0;
    std::uint32_t send_buffer_ms = 0;
};

/// An SRT socket that is connected. Thread-safe. Closes when the last reference goes.
class SrtConnection {
  public:
    virtual ~SrtConnection() = default;

    [[nodiscard]] virtual const std::string& peer() const = 0;  ///< "192.0.2.1:5000"
    [[nodiscard]] virtual const SrtStreamId& stream_id() const = 0;
    /// As negotiated with the peer, receiving.
    [[nodiscard]] virtual std::chrono::milliseconds latency() const = 0;
    [[nodiscard]] virtual bool encrypted() const = 0;

    /// Once. Until then nothing is read. When the owner does not keep up, reading stops and SRT's
    /// own buffer fills.
    virtual void start(SrtExecutor executor, SrtHandler handler) = 0;
    /// Never blocks. False when the queue has no room: nothing of `bytes` was taken.
    [[nodiscard]] virtual bool send(std::span<const std::byte> bytes) = 0;
    /// No handler is called any more once it returns, if it is called on the executor.
    virtual void close() = 0;
    /// After the end: those of its last whole second.
    [[nodiscard]] virtual SrtStatistics statistics() const = 0;
};

}  // namespace sg::protocols
