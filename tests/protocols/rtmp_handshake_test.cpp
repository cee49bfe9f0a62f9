#include <protocols/rtmp_handshake.hpp>
#include <support/catch.hpp>

using namespace sg::protocols;

namespace {

void carry(RtmpHandshake& from, RtmpHandshake& to, std::size_t step) {
    const std::vector<std::byte> bytes = std::exchange(from.output(), {});
    for (std::size_t at = 0; at < bytes.size(); at += step) {
        std::span<const std::byte> input =
            std::span(bytes).subspan(at, std::min(step, bytes.size() - at));
        REQUIRE(to.receive(input));
        CHECK(input.empty());
    }
}

}  // namespace

TEST_CASE("our client and server shake hands with digests, in any pieces") {
    for (const std::size_t step : {std::size_t{1}, std::size_t{1000}, std::size_t{5000}}) {
        RtmpHandshake client(RtmpHandshake::Role::kClient, 1);
        RtmpHandshake server(RtmpHandshake::Role::kServer, 2);
        carry(client, server, step);
        carry(server, client, step);
        carry(client, server, step);
        CHECK(client.done());
        CHECK(server.done());
        CHECK(client.digest());
        CHECK(server.digest());
    }
}

TEST_CASE("a client without digest gets its own bytes back") {
    RtmpHandshake server(RtmpHandshake::Role::kServer, 2);
    std::vector<std::byte> first(1 + RtmpHandshake::kPartSize, std::byte{0x55});
    first[0] = std::byte{3};
    for (std::size_t i = 5; i < 9; ++i) first[i] = std::byte{0};
    std::span<const std::byte> input = first;
    REQUIRE(server.receive(input));
    CHECK_FALSE(server.digest());
    const auto& answer = server.output();
    REQUIRE(answer.size() == 1 + 2 * RtmpHandshake::kPartSize);
    CHECK(std::equal(first.begin() + 1, first.end(), answer.end() - RtmpHandshake::kPartSize));
}

TEST_CASE("bytes behind the handshake are left to the caller") {
    RtmpHandshake server(RtmpHandshake::Role::kServer, 2);
    std::vector<std::byte> all(1 + 2 * RtmpHandshake::kPartSize + 5);
    all[0] = std::byte{3};
    std::span<const std::byte> input = all;
    REQUIRE(server.receive(input));
    CHECK(server.done());
    CHECK(input.size() == 5);
}
