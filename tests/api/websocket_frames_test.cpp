#include "websocket_frames.hpp"

#include <string>

#include <support/catch.hpp>

namespace sg::api {
namespace {

std::string masked(unsigned first, std::string_view payload, unsigned length_byte = 256) {
    std::string out{
        static_cast<char>(first),
        static_cast<char>(
            0x80U | (length_byte < 256 ? length_byte : static_cast<unsigned>(payload.size())))};
    if (length_byte == 126) {
        out.push_back(static_cast<char>(payload.size() >> 8U));
        out.push_back(static_cast<char>(payload.size() & 255U));
    }
    const std::string mask = "\x11\x22\x33\x44";
    out += mask;
    for (std::size_t i = 0; i < payload.size(); ++i) {
        out.push_back(static_cast<char>(payload[i] ^ mask[i % 4]));
    }
    return out;
}

std::uint16_t fault_of(std::string_view bytes, std::size_t limit = 1000) {
    WebSocketReader reader(limit);
    reader.push(bytes);
    auto next = reader.next();
    while (std::holds_alternative<WebSocketMessage>(next)) next = reader.next();
    const auto* fault = std::get_if<WebSocketFault>(&next);
    return fault == nullptr ? std::uint16_t{0} : fault->code;
}

}  // namespace

TEST_CASE("a message comes out of its frame, however it is cut up", "[websocket]") {
    const auto bytes = masked(0x81, "hello");
    WebSocketReader reader(100);
    for (std::size_t i = 0; i + 1 < bytes.size(); ++i) {
        reader.push(bytes.substr(i, 1));
        REQUIRE(std::holds_alternative<std::monostate>(reader.next()));
    }
    reader.push(bytes.substr(bytes.size() - 1));
    const auto next = reader.next();
    REQUIRE(std::holds_alternative<WebSocketMessage>(next));
    CHECK(std::get<WebSocketMessage>(next).payload == "hello");
    CHECK(std::holds_alternative<std::monostate>(reader.next()));
}

TEST_CASE("fragments become one message, with control frames in between", "[websocket]") {
    WebSocketReader reader(100);
    reader.push(masked(0x01, "he") + masked(0x89, "ping") + masked(0x00, "l") + masked(0x80, "lo"));
    auto next = reader.next();
    CHECK(std::get<WebSocketMessage>(next).kind == WebSocketOpcode::kPing);
    CHECK(std::get<WebSocketMessage>(next).payload == "ping");
    next = reader.next();
    CHECK(std::get<WebSocketMessage>(next).kind == WebSocketOpcode::kText);
    CHECK(std::get<WebSocketMessage>(next).payload == "hello");
}

TEST_CASE("frames that break the protocol end the connection", "[websocket]") {
    CHECK(fault_of(std::string("\x81\x05hello")) == kCloseProtocol);           // not masked
    CHECK(fault_of(masked(0xC1, "x")) == kCloseProtocol);                      // reserved bit
    CHECK(fault_of(masked(0x83, "x")) == kCloseProtocol);                      // unknown opcode
    CHECK(fault_of(masked(0x80, "x")) == kCloseProtocol);                      // continues nothing
    CHECK(fault_of(masked(0x01, "x") + masked(0x81, "y")) == kCloseProtocol);  // inside another
    CHECK(fault_of(masked(0x09, "x")) == kCloseProtocol);                      // fragmented control
    CHECK(fault_of(masked(0x89, std::string(130, 'x'), 126)) == kCloseProtocol);
    CHECK(fault_of(masked(0x81, "short", 126)) == kCloseProtocol);  // long form of a short length
    CHECK(fault_of(masked(0x88, "x")) == kCloseProtocol);           // half a close code
    CHECK(fault_of(masked(0x88, std::string("\x03\xED", 2))) == kCloseProtocol);  // 1005
    CHECK(fault_of(masked(0x81, "\xC3\x28")) == kCloseBadText);
}

TEST_CASE("a message that is too long is refused by its header", "[websocket]") {
    CHECK(fault_of(masked(0x81, std::string(200, 'x'), 126).substr(0, 8), 100) == kCloseTooBig);
    CHECK(fault_of(masked(0x01, std::string(60, 'x')) + masked(0x80, std::string(60, 'x')), 100) ==
          kCloseTooBig);
    const std::string huge("\x81\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 10);
    CHECK(fault_of(huge, 100) == kCloseTooBig);
}

TEST_CASE("a close frame gives code and reason", "[websocket]") {
    WebSocketReader reader(100);
    reader.push(masked(0x88, std::string("\x03\xE8", 2) + "bye"));
    const auto next = reader.next();
    CHECK(std::get<WebSocketMessage>(next).close_code == 1000);
    CHECK(std::get<WebSocketMessage>(next).payload == "bye");
}

TEST_CASE("a frame of the server has the shortest length", "[websocket]") {
    CHECK(websocket_head(WebSocketOpcode::kText, 125) == std::string("\x81\x7D"));
    CHECK(websocket_head(WebSocketOpcode::kText, 126) == std::string("\x81\x7E\x00\x7E", 4));
    CHECK(websocket_head(WebSocketOpcode::kText, 70'000) ==
          std::string("\x81\x7F\x00\x00\x00\x00\x00\x01\x11\x70", 10));
    CHECK(websocket_close(1000, std::string(200, 'x')).size() == 2 + 125);
}

TEST_CASE("the handshake's answer is that of RFC 6455", "[websocket]") {
    CHECK(websocket_accept("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    CHECK_FALSE(websocket_accept(""));
    CHECK_FALSE(websocket_accept("dGhlIHNhbXBsZQ=="));
    CHECK_FALSE(websocket_accept("not base64 at all!!!!!!!"));
}

}  // namespace sg::api
