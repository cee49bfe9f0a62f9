#include <protocols/rtmp_chunk_reader.hpp>
#include <protocols/rtmp_chunk_writer.hpp>
#include <support/catch.hpp>

#include "rtmp_bytes.hpp"

using namespace sg;
using namespace sg::protocols;

namespace {

Result<std::vector<RtmpMessage>> read_all(RtmpChunkReader& reader,
                                          std::span<const std::byte> input) {
    std::vector<RtmpMessage> messages;
    while (true) {
        RtmpMessage message;
        SG_TRY_ASSIGN(const bool whole, reader.next(input, message));
        if (!whole) return messages;
        messages.push_back(std::move(message));
    }
}
std::vector<RtmpMessage> read_hex(RtmpChunkReader& reader, std::string_view digits) {
    auto messages = read_all(reader, from_hex(digits));
    INFO((messages ? std::string() : messages.error().message));
    REQUIRE(messages);
    return std::move(*messages);
}
std::string error_of(std::string_view digits, RtmpChunkLimits limits = {}) {
    RtmpChunkReader reader(limits);
    const auto messages = read_all(reader, from_hex(digits));
    return messages ? "accepted" : messages.error().message;
}

}  // namespace

TEST_CASE("all four chunk types give messages with the right times") {
    RtmpChunkReader reader;
    const auto messages = read_hex(reader,
                                   "04 000064 000002 08 01000000 aabb"  // type 0 at 100
                                   "44 000014 000001 08 cc"             // type 1: +20
                                   "84 00000a dd"                       // type 2: +10, same length
                                   "c4 ee");                            // type 3: +10 again
    REQUIRE(messages.size() == 4);
    CHECK(messages[0].timestamp == 100);
    CHECK(messages[0].stream_id == 1);
    CHECK(messages[0].type == RtmpType::kAudio);
    CHECK(messages[1].timestamp == 120);
    CHECK(messages[2].timestamp == 130);
    CHECK(messages[3].timestamp == 140);
    CHECK(to_hex(messages[3].payload.bytes()) == "ee");
}

TEST_CASE("chunk stream ids of two and three bytes are told apart") {
    RtmpChunkReader reader;
    const auto messages = read_hex(reader,
                                   "00 05 000000 000001 08 00000000 aa"
                                   "01 0501 000001 000001 08 00000000 bb"
                                   "c0 05 cc"
                                   "c1 0501 dd");
    REQUIRE(messages.size() == 4);
    CHECK(messages[2].timestamp == 0);
    CHECK(messages[3].timestamp == 2);
}

TEST_CASE("messages that lie between each other's chunks are put together") {
    RtmpChunkReader reader;
    read_hex(reader, "02 000000 000004 01 00000000 00000002");  // chunk size 2
    const auto messages = read_hex(reader,
                                   "04 000000 000003 08 01000000 0102"
                                   "06 000000 000003 09 01000000 1112"
                                   "c4 03"
                                   "c6 13");
    REQUIRE(messages.size() == 2);
    CHECK(to_hex(messages[0].payload.bytes()) == "010203");
    CHECK(to_hex(messages[1].payload.bytes()) == "111213");
    CHECK(reader.partial_bytes() == 0);
}

TEST_CASE("extended timestamps are read whether or not type 3 chunks repeat them") {
    for (const std::string_view repeated : {"01234567", ""}) {
        RtmpChunkReader reader;
        read_hex(reader, "02 000000 000004 01 00000000 00000004");
        const auto messages = read_hex(reader,
                                       "04 ffffff 000008 08 01000000 01234567 01020304 c4" +
                                           std::string(repeated) + "05060708");
        REQUIRE(messages.size() == 1);
        CHECK(messages[0].timestamp == 0x01234567);
        CHECK(to_hex(messages[0].payload.bytes()) == "0102030405060708");
    }
}

TEST_CASE("timestamps wrap at 32 bits") {
    RtmpChunkReader reader;
    const auto messages =
        read_hex(reader, "04 ffffff 000001 08 01000000 fffffff0 aa 44 000020 000001 08 bb");
    CHECK(messages.at(1).timestamp == 0x10);
}

TEST_CASE("a message that repeats a large absolute time stays there") {
    RtmpChunkReader reader;
    const auto messages = read_hex(reader, "04 100000 000001 08 01000000 aa c4 bb");
    CHECK(messages.at(1).timestamp == 0x100000);
}

TEST_CASE("an aborted message is forgotten") {
    RtmpChunkReader reader;
    read_hex(reader, "02 000000 000004 01 00000000 00000002");
    const auto messages = read_hex(reader,
                                   "04 000000 000003 08 01000000 0102"
                                   "02 000000 000004 02 00000000 0000 c2 0004"
                                   "04 000005 000001 08 01000000 aa");
    REQUIRE(messages.size() == 1);
    CHECK(messages[0].timestamp == 5);
    CHECK(reader.partial_bytes() == 0);
}

TEST_CASE("hostile chunks are refused") {
    CHECK(error_of("c4 00").find("type 3 chunk") != std::string::npos);
    CHECK(error_of("84 000000").find("type 2 chunk") != std::string::npos);
    CHECK(error_of("04 000000 ffffff 08 01000000").find("limit") != std::string::npos);
    CHECK(error_of("02 000000 000004 01 00000000 00000000").find("chunk size") !=
          std::string::npos);
    CHECK(error_of("02 000000 000001 01 00000000 00").find("shorter") != std::string::npos);
    CHECK(error_of("03 000000 000000 08 00000000 04 000000 000000 08 00000000"
                   "05 000000 000000 08 00000000",
                   {.chunk_streams = 2})
              .find("chunk streams") != std::string::npos);
    CHECK(error_of("03 000000 000fff 08 00000000" + std::string(256, '0') +
                       "04 000000 000fff 08 00000000",
                   {.partial_bytes = 5000})
              .find("unfinished") != std::string::npos);
}

TEST_CASE("what the writer cuts the reader puts together, in any pieces") {
    RtmpChunkWriter writer;
    std::vector<std::byte> bytes;
    std::vector<std::byte> body(10'000);
    for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<std::byte>(i * 7);
    const auto head = from_hex("1701");
    const std::uint32_t times[] = {0, 40, 0x00ffffff, 0x01000010, 0xfffffff0, 5, 3};
    for (const std::uint32_t time : times) {
        writer.write({RtmpChunkStream::kVideo, RtmpType::kVideo, 1, time}, head, body, bytes);
        if (time == 40) writer.set_chunk_size(1000, bytes);
    }
    for (const std::size_t step : {std::size_t{1}, std::size_t{7}, std::size_t{4096}}) {
        RtmpChunkReader reader;
        std::vector<RtmpMessage> messages;
        std::vector<std::byte> held;
        for (std::size_t at = 0; at < bytes.size(); at += step) {
            const auto piece = std::span(bytes).subspan(at, std::min(step, bytes.size() - at));
            held.insert(held.end(), piece.begin(), piece.end());
            std::span<const std::byte> input = held;
            RtmpMessage message;
            while (true) {
                const auto whole = reader.next(input, message);
                REQUIRE(whole);
                if (!*whole) break;
                messages.push_back(message);
            }
            CHECK(input.size() < 20);
            held.erase(held.begin(), held.end() - static_cast<std::ptrdiff_t>(input.size()));
        }
        REQUIRE(messages.size() == std::size(times));
        for (std::size_t i = 0; i < messages.size(); ++i) {
            CHECK(messages[i].timestamp == times[i]);
            REQUIRE(messages[i].payload.size() == body.size() + 2);
            CHECK(std::equal(body.begin(), body.end(), messages[i].payload.bytes().begin() + 2));
        }
    }
}
