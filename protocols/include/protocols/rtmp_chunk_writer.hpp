#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <protocols/rtmp_message.hpp>

namespace sg::protocols {

/// The chunk streams that we send on. Ids up to 63 take one byte (RTMP 1.0 section 5.3.1.1).
enum class RtmpChunkStream : std::uint8_t {
    kControl = 2,
    kCommand = 3,
    kAudio = 4,
    kData = 5,
    kVideo = 6,
};

/// Cuts messages into chunks (RTMP 1.0 section 5.3).
class RtmpChunkWriter {
  public:
    struct Header {
        RtmpChunkStream chunk_stream = RtmpChunkStream::kCommand;
        RtmpType type = RtmpType::kCommandAmf0;
        std::uint32_t stream_id = 0;
        std::uint32_t timestamp = 0;
    };

    /// Appends a message whose payload is `head` followed by `body`.
    void write(const Header& header,
               std::span<const std::byte> head,
               std::span<const std::byte> body,
               std::vector<std::byte>& out);

    /// Appends Set Chunk Size (section 5.4.1) and uses it from then on.
    void set_chunk_size(std::uint32_t size, std::vector<std::byte>& out);

  private:
    struct Last {
        bool used = false;
        std::uint32_t stream_id = 0;
        std::uint32_t timestamp = 0;
    };
    std::uint32_t chunk_size_ = 128;
    std::array<Last, 8> last_{};  ///< by chunk stream id
};

}  // namespace sg::protocols
