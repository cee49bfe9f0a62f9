#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace sg::api {

enum class WebSocketOpcode : std::uint8_t {
    kContinuation = 0,
    kText = 1,
    kBinary = 2,
    kClose = 8,
    kPing = 9,
    kPong = 10,
};

/// Codes of RFC 6455 §7.4.1.
inline constexpr std::uint16_t kCloseNormal = 1000;
inline constexpr std::uint16_t kCloseGoingAway = 1001;
inline constexpr std::uint16_t kCloseProtocol = 1002;
inline constexpr std::uint16_t kCloseUnsupported = 1003;
inline constexpr std::uint16_t kCloseBadText = 1007;
inline constexpr std::uint16_t kClosePolicy = 1008;
inline constexpr std::uint16_t kCloseTooBig = 1009;
inline constexpr std::uint16_t kCloseTryLater = 1013;

/// A whole message, or a control frame.
struct WebSocketMessage {
    WebSocketOpcode kind = WebSocketOpcode::kText;
    std::string payload;  ///< of a close frame: the reason
    /// Of a close frame, 1005 without one.
    std::uint16_t close_code = 0;
};

/// The connection must be closed with this code.
struct WebSocketFault {
    std::uint16_t code = kCloseProtocol;
    std::string_view reason;
};

/// Reads what a client sends (RFC 6455 §5): masked frames, put together to messages. Takes hostile
/// bytes; holds one message and one frame at most.
class WebSocketReader {
  public:
    explicit WebSocketReader(std::size_t max_message_bytes) : max_bytes_(max_message_bytes) {}

    void push(std::string_view bytes) {
        inbox_.erase(0, std::exchange(taken_, 0));
        inbox_.append(bytes);
    }
    /// Monostate: more bytes are needed. After a fault nothing more comes.
    using Next = std::variant<std::monostate, WebSocketMessage, WebSocketFault>;
    [[nodiscard]] Next next();

  private:
    struct Header;
    [[nodiscard]] std::string_view rest() const { return std::string_view(inbox_).substr(taken_); }
    [[nodiscard]] std::variant<std::monostate, Header, WebSocketFault> header() const;
    [[nodiscard]] std::optional<WebSocketFault> refuse(const Header& header) const;
    [[nodiscard]] Next control(WebSocketOpcode opcode, std::string payload) const;

    std::size_t max_bytes_;
    std::string inbox_;
    std::size_t taken_ = 0;  ///< of the inbox
    std::string message_;
    std::optional<WebSocketOpcode> open_;  ///< of the message whose fragments come
    bool failed_ = false;
};

/// The head of an unmasked, unfragmented frame of a server.
[[nodiscard]] std::string websocket_head(WebSocketOpcode opcode, std::size_t payload_bytes);
[[nodiscard]] std::string websocket_frame(WebSocketOpcode opcode, std::string_view payload);
/// `reason` is cut to what a control frame holds.
[[nodiscard]] std::string websocket_close(std::uint16_t code, std::string_view reason);

/// Sec-WebSocket-Accept for a client's Sec-WebSocket-Key (RFC 6455 §4.2.2); nothing for a key that
/// is not 16 bytes in base64.
[[nodiscard]] std::optional<std::string> websocket_accept(std::string_view key);

}  // namespace sg::api
