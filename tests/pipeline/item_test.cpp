#include <pipeline/item.hpp>
#include <support/catch.hpp>
#include <support/media_items.hpp>

using namespace sg;
using namespace sg::pipeline;

TEST_CASE("item: time is a packet's dts, else its pts, and a frame's pts", "[pipeline]") {
    CHECK(item_time(test::make_packet({.pts = 9, .dts = 3})) == 3);
    CHECK(item_time(test::make_packet({.pts = 9})) == 9);
    CHECK(item_time(test::make_packet({})) == media::kNoTime);
    CHECK(item_time(test::make_video_frame(16, 16, 4)) == 4);
    CHECK(item_time(EndOfStream{}) == media::kNoTime);
}

TEST_CASE("item: only packets and frames carry media and bytes", "[pipeline]") {
    const Item packet = test::make_packet({.bytes = 100});
    CHECK(carries_media(packet));
    CHECK(item_bytes(packet) == 100);
    CHECK(carries_media(Item(test::make_video_frame(16, 16, 0))));
    CHECK(item_bytes(test::make_video_frame(16, 16, 0)) >= 384);
    for (const Item& item :
         {share(StreamStart{}), share(Cue{}), share(Discontinuity{}), share(EndOfStream{})}) {
        CHECK_FALSE(carries_media(item));
        CHECK(item_bytes(item) == 0);
    }
}

TEST_CASE("item: sharing keeps kind and payload", "[pipeline]") {
    const Item packet = test::make_packet({.pts = 5});
    const auto copy = share(packet);
    CHECK(std::get<media::Packet>(copy).data().data() ==
          std::get<media::Packet>(packet).data().data());
    const auto info = test::shared(test::audio_info(48000, 2, {1, 48000}));
    CHECK(std::get<StreamStart>(share(StreamStart{info})).info == info);
    CHECK(std::get<Cue>(share(Cue{Cue::Kind::kSegmentStart})).kind == Cue::Kind::kSegmentStart);
}
