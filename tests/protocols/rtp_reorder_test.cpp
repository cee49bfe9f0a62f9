#include <string>
#include <vector>

#include <protocols/rtp_reorder.hpp>
#include <support/catch.hpp>

using sg::protocols::RtpReorder;
using namespace std::chrono_literals;

namespace {

std::vector<std::byte> packet(unsigned sequence, char payload, unsigned source = 7) {
    std::vector<std::byte> bytes(12);
    bytes[0] = std::byte{0x80};
    bytes[1] = std::byte{33};
    bytes[2] = static_cast<std::byte>(sequence >> 8U & 0xffU);
    bytes[3] = static_cast<std::byte>(sequence & 0xffU);
    bytes[11] = static_cast<std::byte>(source);
    bytes.push_back(static_cast<std::byte>(payload));
    return bytes;
}

struct Stream {
    std::string out;
    RtpReorder reorder{RtpReorder::Limits{4, 50ms}, [this](std::span<const std::byte> payload) {
                           for (const auto b : payload) out.push_back(static_cast<char>(b));
                       }};
    RtpReorder::Time now{};

    void push(unsigned sequence, char payload, unsigned source = 7) {
        reorder.push(packet(sequence, payload, source), now);
    }
};

}  // namespace

TEST_CASE("RTP packets come out in order of their numbers, over the wrap") {
    Stream s;
    s.push(65534, 'a');
    s.push(0, 'c');
    s.push(65535, 'b');
    s.push(1, 'd');
    CHECK(s.out == "abcd");
    CHECK(s.reorder.counters().reordered == 1);
    CHECK(s.reorder.counters().lost == 0);
}

TEST_CASE("a missing RTP packet is given up once enough wait behind it") {
    Stream s;
    s.push(10, 'a');
    for (unsigned i = 12; i < 16; ++i) s.push(i, 'x');
    CHECK(s.out == "a");
    s.push(16, 'y');
    CHECK(s.out == "axxxxy");
    CHECK(s.reorder.counters().lost == 1);
    s.push(11, 'b');
    CHECK(s.out == "axxxxy");
    CHECK(s.reorder.counters().dropped == 1);
    CHECK(s.reorder.waiting() == 0);
}

TEST_CASE("a missing RTP packet is given up after a while") {
    Stream s;
    s.push(1, 'a');
    s.push(3, 'c');
    s.now += 60ms;
    s.push(4, 'd');
    CHECK(s.out == "acd");
}

TEST_CASE("an RTP sender that begins anew is followed") {
    Stream s;
    s.push(1, 'a');
    s.push(500, 'z', 8);
    s.push(501, 'y', 8);
    CHECK(s.out == "azy");
    // Its numbers jump: three in a row say that this is no stray packet.
    for (unsigned i = 0; i < 5; ++i) s.push(40'000 + i, 'j', 8);
    CHECK(s.out == "azyjjj");
    CHECK(s.reorder.counters().restarts == 2);
}

TEST_CASE("malformed RTP packets are counted and dropped") {
    Stream s;
    s.reorder.push({}, s.now);
    auto bad = packet(1, 'a');
    bad[0] = std::byte{0x40};
    s.reorder.push(bad, s.now);
    auto extended = packet(1, 'a');
    extended[0] = std::byte{0x90};
    s.reorder.push(extended, s.now);
    auto padded = packet(1, '\xff');
    padded[0] = std::byte{0xa0};
    s.reorder.push(padded, s.now);
    CHECK(s.out.empty());
    CHECK(s.reorder.counters().malformed == 4);
}
