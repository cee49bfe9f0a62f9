#include <utility>

#include <media/frame.hpp>
#include <media/packet.hpp>
#include <support/catch.hpp>
#include <support/media_items.hpp>

using namespace sg;

TEST_CASE("packet: a shared handle sees the same bytes and outlives the first", "[media]") {
    auto first = test::make_packet(
        {.pts = 5, .dts = 3, .duration = 2, .position = 77, .stream = 1, .key = true, .fill = 9});
    auto second = first.share();
    CHECK(second.data().data() == first.data().data());
    { const auto gone = std::move(first); }
    CHECK(second.bytes() == 16);
    CHECK(second.data()[15] == std::byte{9});
    CHECK(second.pts() == 5);
    CHECK(second.dts() == 3);
    CHECK(second.duration() == 2);
    CHECK(second.position() == 77);
    CHECK(second.stream() == 1);
    CHECK(second.key());
}

TEST_CASE("frame: a shared handle has its own time over the same picture", "[media]") {
    const auto first = test::make_video_frame(64, 36, 10, 50);
    auto second = first.share();
    second.set_pts(11);
    CHECK(first.pts() == 10);
    CHECK(second.pts() == 11);
    CHECK(test::first_byte(second) == 50);
    CHECK(second.width() == 64);
    CHECK(second.height() == 36);
    CHECK(second.bytes() >= 64 * 36 * 3 / 2);
}

TEST_CASE("packet: an empty one has no bytes and no times", "[media]") {
    const media::Packet packet;
    CHECK(packet.bytes() == 0);
    CHECK(packet.pts() == media::kNoTime);
    CHECK(packet.position() == -1);
}
