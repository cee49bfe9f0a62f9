#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <vector>

namespace sg::protocols {

/// Payloads of an RTP stream (RFC 3550 section 5.1) in the order of their sequence numbers. What
/// comes out of order waits, for a bounded number of packets and time, for what is missing. Takes
/// hostile bytes. One thread.
class RtpReorder {
  public:
    using Time = std::chrono::steady_clock::time_point;
    using Sink = std::function<void(std::span<const std::byte> payload)>;

    struct Limits {
        std::size_t packets = 64;  ///< that wait for one that is missing
        std::chrono::milliseconds wait{60};
    };
    struct Counters {
        std::uint64_t packets = 0;  ///< delivered
        std::uint64_t lost = 0;
        std::uint64_t reordered = 0;  ///< came late, delivered all the same
        std::uint64_t dropped = 0;    ///< twice, or too late
        std::uint64_t malformed = 0;
        std::uint64_t restarts = 0;  ///< another sender, or sequence numbers that jumped
    };

    RtpReorder(Limits limits, Sink sink) : limits_(limits), sink_(std::move(sink)) {}
    explicit RtpReorder(Sink sink) : RtpReorder(Limits{}, std::move(sink)) {}

    void push(std::span<const std::byte> datagram, Time now);

    [[nodiscard]] const Counters& counters() const { return counters_; }
    [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }

  private:
    struct Waiting {
        std::vector<std::byte> payload;
        Time arrival;
    };

    void restart(std::uint16_t sequence);
    void deliver(std::span<const std::byte> payload);
    void drain(Time now);
    [[nodiscard]] std::int64_t unwrap(std::uint16_t sequence) const;

    Limits limits_;
    Sink sink_;
    std::optional<std::uint32_t> source_;
    std::int64_t next_ = 0;  ///< sequence number, without wraps
    std::map<std::int64_t, Waiting> waiting_;
    unsigned outside_ = 0;  ///< packets in a row that lie far from what is expected
    Counters counters_;
};

}  // namespace sg::protocols
