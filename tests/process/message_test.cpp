#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <process/message.hpp>
#include <support/catch.hpp>

using namespace sg;
using namespace sg::process;

namespace {

std::vector<std::byte> wire(MessageType type, const std::string& payload, std::size_t fds = 0) {
    const auto header = encode_header(type, payload.size(), fds).value();
    std::vector<std::byte> bytes(header.begin(), header.end());
    const auto text = std::as_bytes(std::span(payload));
    bytes.insert(bytes.end(), text.begin(), text.end());
    return bytes;
}

Error refusal(std::vector<std::byte> bytes, MessageLimits limits = {}) {
    MessageDecoder decoder(limits);
    std::span<const std::byte> rest = bytes;
    return decoder.decode(rest).error();
}

}  // namespace

TEST_CASE("a message survives being cut anywhere") {
    const auto bytes = wire(MessageType::kResult, R"({"frames":250})");
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
        MessageDecoder decoder({});
        std::span<const std::byte> first(bytes.data(), cut);
        std::span<const std::byte> second = std::span<const std::byte>(bytes).subspan(cut);
        auto message = decoder.decode(first).value();
        if (!message) message = decoder.decode(second).value();
        REQUIRE(message.has_value());
        CHECK(message->type == MessageType::kResult);
        CHECK(message->payload == R"({"frames":250})");
        CHECK_FALSE(decoder.inside_message());
    }
}

TEST_CASE("several messages in one read come out one by one") {
    auto bytes = wire(MessageType::kProgress, "");
    const auto second = wire(MessageType::kResult, "r");
    bytes.insert(bytes.end(), second.begin(), second.end());
    MessageDecoder decoder({});
    std::span<const std::byte> rest = bytes;
    CHECK(decoder.decode(rest).value()->payload.empty());
    CHECK(decoder.decode(rest).value()->payload == "r");
    CHECK(rest.empty());
}

TEST_CASE("a decoder refuses what breaks the protocol") {
    const auto good = wire(MessageType::kResult, "r");
    SECTION("other bytes") {
        auto bytes = good;
        bytes[0] = std::byte{'X'};
        CHECK(refusal(bytes).code == Errc::kBadData);
    }
    SECTION("another version") {
        auto bytes = good;
        bytes[4] = std::byte{2};
        CHECK(refusal(bytes).code == Errc::kUnsupported);
        CHECK(refusal(bytes).message == "message version 2 is not 1");
    }
    SECTION("an unknown type") {
        auto bytes = good;
        bytes[6] = std::byte{9};
        CHECK(refusal(bytes).code == Errc::kBadData);
        bytes[6] = std::byte{0};
        CHECK(refusal(bytes).code == Errc::kBadData);
    }
    SECTION("a reserved field in use") {
        auto bytes = good;
        bytes[14] = std::byte{1};
        CHECK(refusal(bytes).code == Errc::kBadData);
    }
    SECTION("an absurd length, before any of it came") {
        auto bytes = good;
        bytes[11] = std::byte{0xff};
        CHECK(refusal(bytes).code == Errc::kBadData);
    }
    SECTION("progress as large as a result may be") {
        auto bytes = wire(MessageType::kResult, std::string(kMaxProgressBytes + 1, 'x'));
        bytes[6] = std::byte{4};
        CHECK(refusal(bytes).code == Errc::kBadData);
    }
    SECTION("descriptors that did not come") {
        CHECK(refusal(wire(MessageType::kResult, "r", 1)).code == Errc::kBadData);
    }
    SECTION("descriptors where none are accepted") {
        MessageDecoder decoder({});
        CHECK_FALSE(decoder.add_fds(std::vector<UniqueFd>(1)));
    }
}

TEST_CASE("a decoder that failed once gives nothing more") {
    auto bytes = wire(MessageType::kResult, "r");
    bytes[0] = std::byte{'X'};
    MessageDecoder decoder({});
    std::span<const std::byte> rest = bytes;
    CHECK_FALSE(decoder.decode(rest));
    const auto good = wire(MessageType::kResult, "r");
    rest = good;
    CHECK_FALSE(decoder.decode(rest));
}

TEST_CASE("a message over the limit of its type is not sent") {
    CHECK(encode_header(MessageType::kResult, kMaxPayloadBytes, 0));
    CHECK(encode_header(MessageType::kResult, kMaxPayloadBytes + 1, 0).error().code ==
          Errc::kLimit);
    CHECK(encode_header(MessageType::kProgress, kMaxProgressBytes + 1, 0).error().code ==
          Errc::kLimit);
    CHECK(encode_header(MessageType::kRequest, 0, kMaxMessageFds + 1).error().code == Errc::kLimit);
}

TEST_CASE("an error crosses the border with its code and message") {
    const Error error = decode_error(encode_error({Errc::kNoSpace, "write seg-1.m4s: disk full"}));
    CHECK(error.code == Errc::kNoSpace);
    CHECK(error.message == "write seg-1.m4s: disk full");
}

TEST_CASE("an error from a hostile child is harmless") {
    CHECK(decode_error("").code == Errc::kInternal);
    CHECK_FALSE(decode_error("").message.empty());
    CHECK(decode_error("nonsense\nx").code == Errc::kInternal);
    CHECK(decode_error("again\nx").code == Errc::kInternal);
    CHECK(decode_error("end_of_stream\nx").code == Errc::kInternal);
    CHECK(decode_error("io\n\x1b[2Jgone\r\nfake line").message == "[2Jgone  fake line");
    CHECK(decode_error("io\n" + std::string(1000000, 'x')).message.size() <= 4096);
}

TEST_CASE("a printable line keeps the end of a text and whole UTF-8 letters") {
    CHECK(printable_line("  abc\t\n", 100) == "abc");
    CHECK(printable_line("abcdef", 3) == "def");
    CHECK(printable_line("a\u00e9z", 2) == "z");
    CHECK(printable_line("a\u0085z", 10) == "a  z");
    CHECK(printable_line("\n\n", 10).empty());
}
