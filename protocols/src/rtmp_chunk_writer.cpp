#include <algorithm>

#include <formats/byte_writer.hpp>
#include <protocols/rtmp_chunk_writer.hpp>

namespace sg::protocols {
namespace {

constexpr std::uint32_t kExtended = 0xffffff;

}  // namespace

void RtmpChunkWriter::write(const Header& header,
                            std::span<const std::byte> head,
                            std::span<const std::byte> body,
                            std::vector<std::byte>& out) {
    formats::ByteWriter writer(out);
    const auto id = static_cast<std::uint32_t>(header.chunk_stream);
    Last& last = last_[id];
    const std::uint32_t delta = header.timestamp - last.timestamp;
    // Type 1 tells the distance to the last message; it cannot go back.
    const bool relative =
        last.used && last.stream_id == header.stream_id && delta < 0x80000000 && id != 2;
    const std::uint32_t time = relative ? delta : header.timestamp;
    const std::uint32_t field = std::min(time, kExtended);

    writer.u8((relative ? 1U : 0U) << 6 | id);
    writer.u24(field);
    writer.u24(static_cast<std::uint32_t>(head.size() + body.size()));
    writer.u8(static_cast<std::uint32_t>(header.type));
    if (!relative) {
        for (unsigned i = 0; i < 4; ++i) writer.u8(header.stream_id >> (8 * i) & 255);
    }
    if (field == kExtended) writer.u32(time);
    last = {true, header.stream_id, header.timestamp};

    std::size_t room = chunk_size_;
    while (!head.empty() || !body.empty()) {
        if (room == 0) {
            writer.u8(3U << 6 | id);
            if (field == kExtended) writer.u32(time);
            room = chunk_size_;
        }
        auto& from = head.empty() ? body : head;
        const std::size_t count = std::min(room, from.size());
        writer.bytes(from.first(count));
        from = from.subspan(count);
        room -= count;
    }
}

void RtmpChunkWriter::set_chunk_size(std::uint32_t size, std::vector<std::byte>& out) {
    std::vector<std::byte> payload;
    formats::ByteWriter(payload).u32(size);
    write({RtmpChunkStream::kControl, RtmpType::kSetChunkSize, 0, 0}, payload, {}, out);
    chunk_size_ = size;
}

}  // namespace sg::protocols
