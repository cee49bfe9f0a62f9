#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <base/result.hpp>
#include <formats/amf0.hpp>
#include <protocols/rtmp_chunk_writer.hpp>
#include <protocols/rtmp_message.hpp>

namespace sg::protocols::rtmp {

using formats::Amf0Value;
using Values = std::vector<Amf0Value>;

/// The values of a command message of either type. Type 17 has a zero byte in front of AMF0.
[[nodiscard]] Result<Values> read_command(const RtmpMessage& message);

/// Name, transaction id and so on; empty or 0 when the value is absent or of another type.
[[nodiscard]] std::string text_at(const Values& values, std::size_t index);
[[nodiscard]] double number_at(const Values& values, std::size_t index);
[[nodiscard]] std::string text_of(const Amf0Value& object, std::string_view name);

/// Appends a command message (RTMP 1.0 section 7.1.1).
void write_command(RtmpChunkWriter& writer,
                   std::uint32_t stream_id,
                   const Values& values,
                   std::vector<std::byte>& out);

/// The information object of onStatus (section 7.2.2).
[[nodiscard]] Amf0Value status_info(std::string_view level,
                                    std::string_view code,
                                    std::string_view description);

/// Appends a protocol control message of one number (section 5.4).
void write_number(RtmpChunkWriter& writer,
                  RtmpType type,
                  std::uint32_t value,
                  std::vector<std::byte>& out);

/// User control events (section 7.1.7).
enum class UserEvent : std::uint16_t { kStreamBegin = 0, kPingRequest = 6, kPingResponse = 7 };
void write_user_event(RtmpChunkWriter& writer,
                      UserEvent event,
                      std::uint32_t value,
                      std::vector<std::byte>& out);
/// Appends the answer when `message` is a ping.
[[nodiscard]] Status answer_ping(RtmpChunkWriter& writer,
                                 const RtmpMessage& message,
                                 std::vector<std::byte>& out);

/// Tells a server how much we buffer; some send nothing before they know.
void write_buffer_length(RtmpChunkWriter& writer,
                         std::uint32_t stream_id,
                         std::uint32_t milliseconds,
                         std::vector<std::byte>& out);

/// Appends the audio, video and data messages in an aggregate (section 7.1.6): FLV tags with their
/// back pointers, of whose times only the distances count.
[[nodiscard]] Status split_aggregate(const RtmpMessage& message, std::vector<RtmpMessage>& out);

/// Splits "name?query" and drops slashes around the name.
struct NameAndQuery {
    std::string name;
    std::string query;
};
[[nodiscard]] NameAndQuery split_query(std::string_view text);

}  // namespace sg::protocols::rtmp
