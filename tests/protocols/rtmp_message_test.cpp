#include <algorithm>

#include <protocols/rtmp_message.hpp>
#include <support/catch.hpp>

using namespace sg::protocols;

TEST_CASE("a payload is followed by zeros for decoders that read ahead") {
    RtmpPayload payload(3);
    const std::byte* end = payload.bytes().data() + payload.size();
    CHECK(payload.size() == 3);
    CHECK(std::all_of(
        end, end + RtmpPayload::kPadding, [](std::byte b) { return b == std::byte{0}; }));
}

TEST_CASE("copies of a payload are handles on the same bytes") {
    RtmpPayload payload(1);
    payload.writable()[0] = std::byte{7};
    const RtmpPayload copy = payload;
    CHECK(copy.bytes().data() == payload.bytes().data());
}
