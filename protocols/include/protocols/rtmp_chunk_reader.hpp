#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <base/result.hpp>
#include <protocols/rtmp_message.hpp>

namespace sg::protocols {

struct RtmpChunkLimits {
    std::size_t message_bytes = 8 << 20;   ///< a key frame at 4K and 100 Mbit/s is about 2 MB
    std::size_t partial_bytes = 16 << 20;  ///< announced by all unfinished messages together
    std::size_t chunk_streams = 32;
};

/// Puts messages together from the chunk stream (RTMP 1.0 section 5.3). Applies Set Chunk Size and
/// Abort itself and does not deliver them.
class RtmpChunkReader {
  public:
    static constexpr std::uint32_t kFirstChunkSize = 128;

    explicit RtmpChunkReader(const RtmpChunkLimits& limits = {}) : limits_(limits) {}

    /// Takes bytes off the front of `input` until a message is whole: true, and it is in `message`.
    /// False when more input is needed; what is then left in `input` (part of a chunk's header,
    /// under 20 bytes) must be presented again in front of it. After an error the connection is
    /// lost: the borders of chunks are no longer known.
    [[nodiscard]] Result<bool> next(std::span<const std::byte>& input, RtmpMessage& message);

    /// Of messages that begin from now on.
    void set_limits(const RtmpChunkLimits& limits) { limits_ = limits; }
    [[nodiscard]] std::size_t partial_bytes() const { return partial_bytes_; }

  private:
    struct ChunkStream {
        std::uint32_t id = 0;
        std::uint32_t timestamp = 0;       ///< of the message in hand, absolute
        std::uint32_t delta = 0;           ///< for a message that starts with a type 3 chunk
        std::uint32_t extended_field = 0;  ///< as sent with the last type 0 to 2
        bool extended = false;
        bool known = false;  ///< has had a header
        RtmpType type = RtmpType::kCommandAmf0;
        std::uint32_t stream_id = 0;
        std::uint32_t length = 0;
        bool partial = false;
        std::uint32_t filled = 0;
        RtmpPayload payload;
    };

    Result<ChunkStream*> stream(std::uint32_t id);
    /// Reads a chunk's header and makes its stream the current one; false when input is short.
    Result<bool> header(std::span<const std::byte>& input);
    Status begin_message(ChunkStream& stream);
    void drop_partial(ChunkStream& stream);
    /// True when it was a message of the chunk layer and is dealt with.
    Result<bool> control(const ChunkStream& stream);

    RtmpChunkLimits limits_;
    std::uint32_t chunk_size_ = kFirstChunkSize;
    std::vector<ChunkStream> streams_;
    std::size_t current_ = 0;
    std::uint32_t chunk_left_ = 0;  ///< payload bytes of the current chunk still to come
    bool in_chunk_ = false;
    std::size_t partial_bytes_ = 0;
};

}  // namespace sg::protocols
