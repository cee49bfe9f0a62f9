#include "websocket_frames.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <openssl/evp.h>

#include "base64.hpp"
#include "utf8.hpp"

namespace sg::api {
namespace {

constexpr std::size_t kMaxControlBytes = 125;
constexpr std::uint16_t kNoCloseCode = 1005;

std::uint64_t big_endian(std::string_view bytes) {
    std::uint64_t value = 0;
    for (const char c : bytes) value = value << 8U | static_cast<unsigned char>(c);
    return value;
}

bool is_control(WebSocketOpcode opcode) {
    return (static_cast<unsigned>(opcode) & 8U) != 0;
}

bool known(unsigned opcode) {
    return opcode <= 2 || (opcode >= 8 && opcode <= 10);
}

/// Which codes a peer may send (RFC 6455 §7.4.2).
bool sendable(std::uint16_t code) {
    return (code >= 1000 && code <= 1014 && code != 1004 && code != kNoCloseCode && code != 1006) ||
           (code >= 3000 && code <= 4999);
}

}  // namespace

struct WebSocketReader::Header {
    bool last = false;
    WebSocketOpcode opcode = WebSocketOpcode::kText;
    std::size_t head_bytes = 0;  ///< with the mask
    std::size_t payload_bytes = 0;
};

std::variant<std::monostate, WebSocketReader::Header, WebSocketFault> WebSocketReader::header()
    const {
    const auto bytes = rest();
    if (bytes.size() < 2) return std::monostate{};
    const auto first = static_cast<unsigned char>(bytes[0]);
    const auto second = static_cast<unsigned char>(bytes[1]);
    if ((first & 0x70U) != 0) return WebSocketFault{kCloseProtocol, "reserved bits are set"};
    if (!known(first & 15U)) return WebSocketFault{kCloseProtocol, "unknown opcode"};
    if ((second & 0x80U) == 0) return WebSocketFault{kCloseProtocol, "frame is not masked"};
    Header out;
    out.last = (first & 0x80U) != 0;
    out.opcode = static_cast<WebSocketOpcode>(first & 15U);
    const unsigned short_length = second & 0x7FU;
    const std::size_t length_bytes = short_length == 126 ? 2U : short_length == 127 ? 8U : 0U;
    if (is_control(out.opcode) && (length_bytes != 0 || !out.last)) {
        return WebSocketFault{kCloseProtocol, "control frame is long or fragmented"};
    }
    if (bytes.size() < 2 + length_bytes) return std::monostate{};
    const auto length =
        length_bytes == 0 ? short_length : big_endian(bytes.substr(2, length_bytes));
    if ((length_bytes == 2 && length < 126) || (length_bytes == 8 && length < 65'536)) {
        return WebSocketFault{kCloseProtocol, "length is not in its shortest form"};
    }
    if (!is_control(out.opcode) && length > max_bytes_ - message_.size()) {
        return WebSocketFault{kCloseTooBig, "message is too long"};
    }
    out.head_bytes = 2 + length_bytes + 4;
    out.payload_bytes = static_cast<std::size_t>(length);
    return out;
}

std::optional<WebSocketFault> WebSocketReader::refuse(const Header& header) const {
    if (is_control(header.opcode)) return std::nullopt;
    const bool continues = header.opcode == WebSocketOpcode::kContinuation;
    if (continues == open_.has_value()) return std::nullopt;
    return WebSocketFault{
        kCloseProtocol,
        continues ? "continuation without a beginning" : "message begins inside another"};
}

WebSocketReader::Next WebSocketReader::control(WebSocketOpcode opcode, std::string payload) const {
    WebSocketMessage out;
    out.kind = opcode;
    if (opcode != WebSocketOpcode::kClose) {
        out.payload = std::move(payload);
        return out;
    }
    out.close_code = kNoCloseCode;
    if (payload.empty()) return out;
    if (payload.size() < 2) return WebSocketFault{kCloseProtocol, "close frame is malformed"};
    out.close_code = static_cast<std::uint16_t>(big_endian(std::string_view(payload).substr(0, 2)));
    out.payload = payload.substr(2);
    if (!sendable(out.close_code)) return WebSocketFault{kCloseProtocol, "no such close code"};
    if (!is_utf8(out.payload)) return WebSocketFault{kCloseBadText, "text is not UTF-8"};
    return out;
}

WebSocketReader::Next WebSocketReader::next() {
    for (;;) {
        if (failed_) return std::monostate{};
        auto parsed = header();
        if (std::holds_alternative<std::monostate>(parsed)) return std::monostate{};
        auto fault = std::optional<WebSocketFault>();
        if (const auto* found = std::get_if<WebSocketFault>(&parsed)) fault = *found;
        if (!fault) fault = refuse(std::get<Header>(parsed));
        if (fault) {
            failed_ = true;
            return *fault;
        }
        const auto head = std::get<Header>(parsed);
        const auto bytes = rest();
        if (bytes.size() < head.head_bytes + head.payload_bytes) return std::monostate{};
        std::string payload(bytes.substr(head.head_bytes, head.payload_bytes));
        const auto mask = bytes.substr(head.head_bytes - 4, 4);
        for (std::size_t i = 0; i < payload.size(); ++i) {
            payload[i] = static_cast<char>(payload[i] ^ mask[i % 4]);
        }
        taken_ += head.head_bytes + head.payload_bytes;
        if (is_control(head.opcode)) {
            auto out = control(head.opcode, std::move(payload));
            failed_ = std::holds_alternative<WebSocketFault>(out);
            return out;
        }
        if (head.opcode != WebSocketOpcode::kContinuation) open_ = head.opcode;
        message_.append(payload);
        if (!head.last) continue;
        WebSocketMessage out;
        out.kind = *open_;
        out.payload = std::exchange(message_, {});
        open_.reset();
        if (out.kind == WebSocketOpcode::kText && !is_utf8(out.payload)) {
            failed_ = true;
            return WebSocketFault{kCloseBadText, "text is not UTF-8"};
        }
        return out;
    }
}

std::string websocket_head(WebSocketOpcode opcode, std::size_t payload_bytes) {
    std::string out(1, static_cast<char>(0x80U | static_cast<unsigned>(opcode)));
    const auto big = [&](unsigned bytes) {
        for (unsigned i = bytes; i > 0; --i) {
            out.push_back(static_cast<char>(payload_bytes >> (8U * (i - 1)) & 0xFFU));
        }
    };
    if (payload_bytes < 126) {
        out.push_back(static_cast<char>(payload_bytes));
    } else if (payload_bytes < 65'536) {
        out.push_back(126);
        big(2);
    } else {
        out.push_back(127);
        big(8);
    }
    return out;
}

std::string websocket_frame(WebSocketOpcode opcode, std::string_view payload) {
    return websocket_head(opcode, payload.size()).append(payload);
}

std::string websocket_close(std::uint16_t code, std::string_view reason) {
    std::string payload{static_cast<char>(code >> 8U), static_cast<char>(code & 0xFFU)};
    payload.append(reason.substr(0, kMaxControlBytes - 2));
    return websocket_frame(WebSocketOpcode::kClose, payload);
}

std::optional<std::string> websocket_accept(std::string_view key) {
    const auto nonce = from_base64(key);
    if (!nonce || nonce->size() != 16) return std::nullopt;
    const auto text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr) != 1) {
        return std::nullopt;
    }
    return to_base64({reinterpret_cast<const char*>(digest.data()), size});
}

}  // namespace sg::api
