#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <base/result.hpp>
#include <base/unique_fd.hpp>

namespace sg::process {

enum class MessageType : std::uint16_t {
    kRequest = 1,   ///< parent to child, once
    kResult = 2,    ///< child to parent, last
    kError = 3,     ///< child to parent, last; the payload is encode_error()'s
    kProgress = 4,  ///< child to parent, any number; also the heartbeat
    kMedia = 5,     ///< both ways, any number; only on a socket of its own
};

inline constexpr std::uint16_t kMessageVersion = 1;
inline constexpr std::size_t kMessageHeaderBytes = 16;
inline constexpr std::size_t kMaxPayloadBytes = std::size_t{64} << 20;
inline constexpr std::size_t kMaxProgressBytes = std::size_t{1} << 20;  ///< kProgress and kError
inline constexpr std::size_t kMaxMessageFds = 16;

/// The payload is not interpreted here.
struct Message {
    MessageType type = MessageType::kProgress;
    std::string payload;
    std::vector<UniqueFd> fds;
};

/// What a receiver accepts; anything past it ends the conversation.
struct MessageLimits {
    std::size_t max_payload_bytes = kMaxPayloadBytes;
    std::size_t max_fds = 0;  ///< per message, and waiting for one
};

using MessageHeader = std::array<std::byte, kMessageHeaderBytes>;

/// kLimit when it is too large for its type. Little-endian: magic "SGPM", u16 version, u16 type,
/// u32 payload bytes, u16 descriptors, u16 zero.
[[nodiscard]] Result<MessageHeader> encode_header(MessageType type,
                                                  std::size_t payload_bytes,
                                                  std::size_t fd_count);

/// Turns the bytes of a stream into messages. The other side may be hostile: memory grows with the
/// bytes that came, never with what a header declares. After an error it gives that error forever.
class MessageDecoder {
  public:
    explicit MessageDecoder(MessageLimits limits) : limits_(limits) {}

    /// Descriptors that arrived with the bytes given to decode() next.
    [[nodiscard]] Status add_fds(std::vector<UniqueFd> fds);

    /// Takes bytes from the front until a message is whole or none are left.
    [[nodiscard]] Result<std::optional<Message>> decode(std::span<const std::byte>& bytes);

    [[nodiscard]] bool inside_message() const noexcept { return header_have_ > 0; }

  private:
    [[nodiscard]] Status parse_header();
    [[nodiscard]] Error fail(Errc code, std::string message);

    MessageLimits limits_;
    MessageHeader header_{};
    std::size_t header_have_ = 0;
    std::size_t payload_bytes_ = 0;
    Message message_;
    std::deque<UniqueFd> waiting_fds_;
    std::optional<Error> failed_;
};

/// Payload of kError: the code's name, a line feed, the message.
[[nodiscard]] std::string encode_error(const Error& error);
/// Never fails: an unknown code becomes kInternal, the message is made printable and cut.
[[nodiscard]] Error decode_error(std::string_view payload);

/// Text of a child made safe for one line of a terminal or log: no control characters, at most
/// `max_bytes`, the end kept.
[[nodiscard]] std::string printable_line(std::string_view text, std::size_t max_bytes);

}  // namespace sg::process
