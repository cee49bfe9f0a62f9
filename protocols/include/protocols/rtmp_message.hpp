#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace sg::protocols {

/// Message type ids (RTMP 1.0 sections 5.4 and 7.1). Others pass through as numbers.
enum class RtmpType : std::uint8_t {
    kSetChunkSize = 1,
    kAbort = 2,
    kAcknowledgement = 3,
    kUserControl = 4,
    kWindowAckSize = 5,
    kSetPeerBandwidth = 6,
    kAudio = 8,
    kVideo = 9,
    kDataAmf3 = 15,
    kSharedObjectAmf3 = 16,
    kCommandAmf3 = 17,
    kDataAmf0 = 18,
    kSharedObjectAmf0 = 19,
    kCommandAmf0 = 20,
    kAggregate = 22,
};

/// One message's bytes: filled once from the socket's buffer, then shared without copying.
/// Handles may be copied and dropped on any thread; the bytes are immutable once delivered.
/// kPadding zero bytes lie behind the last byte, so that decoders that read ahead may take it as it
/// is.
class RtmpPayload {
  public:
    static constexpr std::size_t kPadding = 64;

    RtmpPayload() = default;
    /// `size` bytes of unspecified content, to be filled through writable().
    explicit RtmpPayload(std::size_t size);

    [[nodiscard]] std::span<const std::byte> bytes() const { return {data_.get(), size_}; }
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] bool empty() const { return size_ == 0; }
    /// The bytes from `offset` on, sharing the same memory.
    [[nodiscard]] RtmpPayload tail(std::size_t offset) const;
    /// For the one who made it, before anybody else has a handle.
    [[nodiscard]] std::byte* writable() { return data_.get(); }
    /// Keeps the bytes alive for someone who holds a bare pointer (a libav buffer).
    [[nodiscard]] const std::shared_ptr<std::byte[]>& owner() const { return data_; }

  private:
    std::shared_ptr<std::byte[]> data_;
    std::size_t size_ = 0;
};

struct RtmpMessage {
    RtmpType type = RtmpType::kCommandAmf0;
    std::uint32_t stream_id = 0;
    std::uint32_t timestamp = 0;  ///< milliseconds, wraps at 2^32
    RtmpPayload payload;
};

}  // namespace sg::protocols
