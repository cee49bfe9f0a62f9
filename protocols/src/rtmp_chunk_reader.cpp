#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include <formats/byte_reader.hpp>
#include <protocols/rtmp_chunk_reader.hpp>

namespace sg::protocols {
namespace {

using formats::ByteReader;

constexpr std::uint32_t kExtended = 0xffffff;
/// Message header sizes of chunk types 0 to 3 (section 5.3.1.2).
constexpr std::size_t kHeaderSize[4] = {11, 7, 3, 0};

std::uint32_t little_endian(std::span<const std::byte> bytes) {
    std::uint32_t value = 0;
    for (std::size_t i = 4; i-- > 0;) value = value << 8 | std::to_integer<std::uint32_t>(bytes[i]);
    return value;
}

/// What a message that starts with a type 3 chunk adds to a timestamp that came with type 0. By
/// section 5.3.1.2.4 it is that timestamp itself, and FFmpeg counts on it when its second frame
/// follows; librtmp means "the same time again". A first frame is near zero, so a large one can
/// only be meant as librtmp does.
std::uint32_t delta_after_absolute(std::uint32_t timestamp) {
    return timestamp <= 1000 ? timestamp : 0;
}

}  // namespace

Result<RtmpChunkReader::ChunkStream*> RtmpChunkReader::stream(std::uint32_t id) {
    for (std::size_t i = 0; i < streams_.size(); ++i) {
        if (streams_[i].id == id) {
            current_ = i;
            return &streams_[i];
        }
    }
    if (streams_.size() >= limits_.chunk_streams) {
        return Error{
            Errc::kLimit,
            fmt::format("the peer uses more than {} chunk streams", limits_.chunk_streams)};
    }
    streams_.emplace_back().id = id;
    current_ = streams_.size() - 1;
    return &streams_.back();
}

void RtmpChunkReader::drop_partial(ChunkStream& stream) {
    if (!stream.partial) return;
    partial_bytes_ -= stream.length;
    stream.partial = false;
    stream.filled = 0;
    stream.payload = {};
}

Result<bool> RtmpChunkReader::header(std::span<const std::byte>& input) {
    ByteReader reader(input);
    const std::uint8_t first = reader.u8();
    const unsigned format = first >> 6;
    std::uint32_t id = first & 63;
    if (id == 0) {
        id = 64U + reader.u8();
    } else if (id == 1) {
        const std::uint32_t low = reader.u8();
        id = 64U + low + 256U * reader.u8();
    }
    ByteReader fields(reader.bytes(kHeaderSize[format]));
    if (!reader.ok()) return false;

    SG_TRY_ASSIGN(ChunkStream * chunks, stream(id));
    // librtmp opens chunk stream 2 with a type 1 chunk; nobody can open one with less.
    if (!chunks->known && format > 1) {
        return Error{Errc::kBadData,
                     fmt::format("chunk stream {} starts with a type {} chunk", id, format)};
    }
    std::uint32_t time = format < 3 ? fields.u24() : 0;
    const bool extended = format < 3 ? time == kExtended : chunks->extended;
    if (extended) {
        if (reader.left() < 4) return false;
        ByteReader ahead = reader;
        const std::uint32_t value = ahead.u32();
        if (format < 3) {
            time = value;
            reader = ahead;
        } else if (value == chunks->extended_field || value == chunks->timestamp) {
            // Type 3 repeats it (section 5.3.1.3), but some encoders leave it out.
            reader = ahead;
        }
    }
    // Nothing changes before the whole header is there, since a short one is read again.
    if (format < 3) drop_partial(*chunks);
    if (format < 2) {
        chunks->length = fields.u24();
        chunks->type = static_cast<RtmpType>(fields.u8());
    }
    if (format == 0) {
        chunks->stream_id = little_endian(fields.bytes(4));
        chunks->timestamp = time;
        chunks->delta = delta_after_absolute(time);
    } else if (format < 3) {
        chunks->delta = time;
        chunks->timestamp += time;
    } else if (!chunks->partial) {
        chunks->timestamp += chunks->delta;
    }
    if (format < 3) {
        chunks->extended = extended;
        chunks->extended_field = extended ? time : 0;
        chunks->known = true;
    }
    input = reader.rest();
    if (!chunks->partial) SG_TRY(begin_message(*chunks));
    chunk_left_ = std::min(chunk_size_, chunks->length - chunks->filled);
    in_chunk_ = true;
    return true;
}

Status RtmpChunkReader::begin_message(ChunkStream& stream) {
    if (stream.length > limits_.message_bytes) {
        return Error{Errc::kLimit,
                     fmt::format("the peer announces a message of {} bytes; the limit is {}",
                                 stream.length,
                                 limits_.message_bytes)};
    }
    if (partial_bytes_ + stream.length > limits_.partial_bytes) {
        return Error{Errc::kLimit,
                     fmt::format("the peer's unfinished messages come to over {} bytes",
                                 limits_.partial_bytes)};
    }
    partial_bytes_ += stream.length;
    stream.partial = true;
    stream.filled = 0;
    stream.payload = RtmpPayload(stream.length);
    return {};
}

Result<bool> RtmpChunkReader::control(const ChunkStream& stream) {
    if (stream.type != RtmpType::kSetChunkSize && stream.type != RtmpType::kAbort) return false;
    ByteReader reader(stream.payload.bytes());
    const std::uint32_t value = reader.u32();
    if (!reader.ok()) {
        return Error{Errc::kBadData, "a message of the chunk layer is shorter than 4 bytes"};
    }
    if (stream.type == RtmpType::kSetChunkSize) {
        // Section 5.4.1: the first bit is zero, and the size at least one.
        chunk_size_ = value & 0x7fffffff;
        if (chunk_size_ == 0) {
            return Error{Errc::kBadData, "the peer sets its chunk size to 0"};
        }
        return true;
    }
    for (ChunkStream& other : streams_) {
        if (other.id == value) drop_partial(other);
    }
    return true;
}

Result<bool> RtmpChunkReader::next(std::span<const std::byte>& input, RtmpMessage& message) {
    while (true) {
        if (!in_chunk_) {
            if (input.empty()) return false;
            SG_TRY_ASSIGN(const bool whole, header(input));
            if (!whole) return false;
        }
        ChunkStream& stream = streams_[current_];
        const std::size_t count = std::min<std::size_t>(chunk_left_, input.size());
        if (count > 0) {
            std::memcpy(stream.payload.writable() + stream.filled, input.data(), count);
            input = input.subspan(count);
            stream.filled += static_cast<std::uint32_t>(count);
            chunk_left_ -= static_cast<std::uint32_t>(count);
        }
        if (chunk_left_ > 0) return false;
        in_chunk_ = false;
        if (stream.filled < stream.length) continue;

        partial_bytes_ -= stream.length;
        stream.partial = false;
        SG_TRY_ASSIGN(const bool dealt_with, control(stream));
        if (dealt_with) {
            stream.payload = {};
            continue;
        }
        message.type = stream.type;
        message.stream_id = stream.stream_id;
        message.timestamp = stream.timestamp;
        message.payload = std::move(stream.payload);
        stream.payload = {};
        return true;
    }
}

}  // namespace sg::protocols
