#include "rtmp_command.hpp"

#include <algorithm>

#include <fmt/format.h>

#include <formats/byte_reader.hpp>
#include <formats/byte_writer.hpp>

namespace sg::protocols::rtmp {

Result<Values> read_command(const RtmpMessage& message) {
    constexpr std::size_t kMaxBytes = 256 << 10;
    if (message.payload.size() > kMaxBytes) {
        return Error{Errc::kLimit,
                     fmt::format("the peer sends a command of {} bytes; the limit is {}",
                                 message.payload.size(),
                                 kMaxBytes)};
    }
    std::span<const std::byte> bytes = message.payload.bytes();
    if (message.type == RtmpType::kCommandAmf3 && !bytes.empty() && bytes.front() == std::byte{0}) {
        bytes = bytes.subspan(1);
    }
    return formats::read_amf0(bytes);
}

std::string text_at(const Values& values, std::size_t index) {
    if (index >= values.size() || !values[index].text()) return {};
    return *values[index].text();
}

double number_at(const Values& values, std::size_t index) {
    if (index >= values.size() || !values[index].number()) return 0;
    return *values[index].number();
}

std::string text_of(const Amf0Value& object, std::string_view name) {
    const Amf0Value* value = object.find(name);
    return value && value->text() ? *value->text() : std::string();
}

void write_command(RtmpChunkWriter& writer,
                   std::uint32_t stream_id,
                   const Values& values,
                   std::vector<std::byte>& out) {
    std::vector<std::byte> payload;
    for (const Amf0Value& value : values) formats::write_amf0(value, payload);
    writer.write(
        {RtmpChunkStream::kCommand, RtmpType::kCommandAmf0, stream_id, 0}, payload, {}, out);
}

Amf0Value status_info(std::string_view level, std::string_view code, std::string_view description) {
    Amf0Value::Object info;
    info.properties = {{"level", level}, {"code", code}, {"description", description}};
    return info;
}

void write_number(RtmpChunkWriter& writer,
                  RtmpType type,
                  std::uint32_t value,
                  std::vector<std::byte>& out) {
    std::vector<std::byte> payload;
    formats::ByteWriter bytes(payload);
    bytes.u32(value);
    constexpr std::uint32_t kDynamicLimit = 2;
    if (type == RtmpType::kSetPeerBandwidth) bytes.u8(kDynamicLimit);
    writer.write({RtmpChunkStream::kControl, type, 0, 0}, payload, {}, out);
}

void write_user_event(RtmpChunkWriter& writer,
                      UserEvent event,
                      std::uint32_t value,
                      std::vector<std::byte>& out) {
    std::vector<std::byte> payload;
    formats::ByteWriter bytes(payload);
    bytes.u16(static_cast<std::uint16_t>(event));
    bytes.u32(value);
    writer.write({RtmpChunkStream::kControl, RtmpType::kUserControl, 0, 0}, payload, {}, out);
}

Status answer_ping(RtmpChunkWriter& writer,
                   const RtmpMessage& message,
                   std::vector<std::byte>& out) {
    formats::ByteReader reader(message.payload.bytes());
    const std::uint16_t event = reader.u16();
    if (!reader.ok()) return Error{Errc::kBadData, "a user control message has no event type"};
    if (event != static_cast<std::uint16_t>(UserEvent::kPingRequest)) return {};
    const std::uint32_t timestamp = reader.u32();
    if (!reader.ok()) return Error{Errc::kBadData, "a ping has no timestamp"};
    write_user_event(writer, UserEvent::kPingResponse, timestamp, out);
    return {};
}

void write_buffer_length(RtmpChunkWriter& writer,
                         std::uint32_t stream_id,
                         std::uint32_t milliseconds,
                         std::vector<std::byte>& out) {
    constexpr std::uint32_t kSetBufferLength = 3;
    std::vector<std::byte> payload;
    formats::ByteWriter bytes(payload);
    bytes.u16(kSetBufferLength);
    bytes.u32(stream_id);
    bytes.u32(milliseconds);
    writer.write({RtmpChunkStream::kControl, RtmpType::kUserControl, 0, 0}, payload, {}, out);
}

Status split_aggregate(const RtmpMessage& message, std::vector<RtmpMessage>& out) {
    // A few seconds of media; each part costs more memory than an empty one has bytes.
    constexpr int kMostParts = 4096;
    formats::ByteReader reader(message.payload.bytes());
    std::uint32_t first = 0;
    int parts = 0;
    for (bool begun = false; reader.left() > 0; begun = true) {
        if (++parts > kMostParts) {
            return Error{Errc::kLimit,
                         fmt::format("an aggregate message has over {} parts", kMostParts)};
        }
        RtmpMessage part;
        part.type = static_cast<RtmpType>(reader.u8());
        const std::uint32_t size = reader.u24();
        const std::uint32_t low = reader.u24();
        const std::uint32_t time = low | std::uint32_t{reader.u8()} << 24;
        reader.skip(3);
        const auto body = reader.bytes(size);
        reader.skip(4);
        if (!reader.ok()) {
            return Error{Errc::kBadData, "an aggregate message ends inside one of its parts"};
        }
        if (!begun) first = time;
        if (part.type != RtmpType::kAudio && part.type != RtmpType::kVideo &&
            part.type != RtmpType::kDataAmf0) {
            continue;
        }
        part.stream_id = message.stream_id;
        part.timestamp = message.timestamp + (time - first);
        part.payload = RtmpPayload(body.size());
        std::copy(body.begin(), body.end(), part.payload.writable());
        out.push_back(std::move(part));
    }
    return {};
}

NameAndQuery split_query(std::string_view text) {
    const std::size_t mark = text.find('?');
    std::string_view name = text.substr(0, mark);
    while (name.starts_with('/')) name.remove_prefix(1);
    while (name.ends_with('/')) name.remove_suffix(1);
    NameAndQuery parts;
    parts.name = name;
    if (mark != std::string_view::npos) parts.query = text.substr(mark + 1);
    return parts;
}

}  // namespace sg::protocols::rtmp
