#include <ingest/timeline_repair.hpp>
#include <support/catch.hpp>

#include "live_publisher.hpp"

// Where tracks begin and change.

using namespace sg;
using namespace sg::tests;
using Kind = Recorder::Kind;

namespace {

struct Channel {
    Recorder out;
    ingest::TimelineRepair repair{out};
    Publisher publisher{repair, out};
};

}  // namespace

TEST_CASE("configurations that change at one border are told before any unit behind it") {
    Channel channel;
    channel.publisher.begin();
    channel.publisher.headers();
    channel.publisher.run(5 * kSecond);
    Publisher& p = channel.publisher;
    p.height = 480;
    p.rate = 44100;
    p.pictures = 150;
    // Pictures first, as they come interleaved.
    p.headers(true, false);
    p.send_video();
    p.send_video();
    p.headers(false, true);
    p.next_audio = p.next_video;
    p.send_audio();
    channel.repair.advance(p.now + kSecond);
    const auto& events = channel.out.events;
    REQUIRE(channel.out.count(Kind::kBorder) == 1);
    std::vector<Kind> kinds;
    for (auto it = events.end() - 6; it != events.end(); ++it) kinds.push_back(it->kind);
    CHECK(kinds ==
          std::vector<Kind>{
              Kind::kBorder, Kind::kTrack, Kind::kTrack, Kind::kUnit, Kind::kUnit, Kind::kUnit});
}

TEST_CASE("pictures whose first key frame is still to come are waited for") {
    Channel channel;
    channel.publisher.begin();
    channel.publisher.headers();
    channel.publisher.gop = 60;
    channel.publisher.pictures = 10;
    channel.publisher.run(4 * kSecond);
    CHECK(channel.out.count(Kind::kEnd) == 0);
    CHECK(channel.out.count(Kind::kBorder) == 0);
    CHECK(channel.out.units(0).size() >= 60);
}

TEST_CASE("a network that stands still for seconds ends no track") {
    Channel channel;
    channel.publisher.begin();
    channel.publisher.headers();
    channel.publisher.run(5 * kSecond);
    Publisher& p = channel.publisher;
    // What the sender went on to send comes at once, in its order.
    const bool late = GENERATE(false, true);
    p.now += 5 * kSecond;
    if (late) {
        p.media += 5 * kSecond;
        while (p.next_audio < p.media || p.next_video < p.media)
            p.next_audio < p.next_video ? p.send_audio() : p.send_video();
    }
    p.run(5 * kSecond);
    CHECK(channel.out.count(Kind::kEnd) == 0);
    CHECK(channel.repair.counters().tracks_silent == 0);
}

TEST_CASE("pictures without a key frame do not keep the channel waiting for ever") {
    Channel channel;
    channel.publisher.begin();
    channel.publisher.headers();
    channel.publisher.gop = 10'000;
    channel.publisher.pictures = 10;
    channel.publisher.run(8 * kSecond);
    CHECK(channel.out.count(Kind::kEnd) == 1);
    CHECK(channel.out.units(0).empty());
}
