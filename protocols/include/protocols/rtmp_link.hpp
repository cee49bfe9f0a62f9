#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <base/result.hpp>
#include <protocols/rtmp_chunk_reader.hpp>
#include <protocols/rtmp_chunk_writer.hpp>
#include <protocols/rtmp_handshake.hpp>
#include <protocols/rtmp_message.hpp>

namespace sg::protocols {

/// What both sides of a connection do alike (RTMP 1.0 sections 5 and 7.1.7), without a socket:
/// handshake, chunks, acknowledgements and answers to pings.
class RtmpLink {
  public:
    /// Bytes between acknowledgements that we ask of the peer, and send until it asks for others.
    static constexpr std::uint32_t kWindow = 2'500'000;

    RtmpLink(RtmpHandshake::Role role, const RtmpChunkLimits& limits, std::uint64_t seed);

    /// Takes bytes off the front of `input` until a message that is not the link's own is whole:
    /// true. False when all input is used up but a rest that must be presented again. An error ends
    /// the connection.
    [[nodiscard]] Result<bool> next(std::span<const std::byte>& input, RtmpMessage& message);

    /// The handshake is done: messages may be written.
    [[nodiscard]] bool open() const { return handshake_.done(); }
    void set_limits(const RtmpChunkLimits& limits) { reader_.set_limits(limits); }
    [[nodiscard]] RtmpChunkWriter& writer() { return writer_; }
    /// To be sent and cleared by the caller.
    [[nodiscard]] std::vector<std::byte>& output() { return output_; }

  private:
    Result<bool> take(std::span<const std::byte>& input, RtmpMessage& message);
    void acknowledge();

    RtmpHandshake handshake_;
    RtmpChunkReader reader_;
    RtmpChunkWriter writer_;
    std::vector<std::byte> output_;
    std::uint64_t received_ = 0;
    std::uint64_t acknowledged_ = 0;
    std::uint32_t ack_window_ = kWindow;
};

}  // namespace sg::protocols
