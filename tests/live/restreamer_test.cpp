#include <vector>

#include <boost/asio/io_context.hpp>
#include <live/restreamer.hpp>

#include <support/catch.hpp>

#include "../packagers/live_feed.hpp"

using namespace sg;
using namespace std::chrono_literals;

namespace {

struct Target {
    live::RestreamLink::Events events;
    int attempts = 0;
    bool alive = false;
    bool has_room = true;
    bool finished = false;
    std::vector<int> tracks;
    std::vector<ingest::TimedUnit> units;
};

class FakeLink final : public live::RestreamLink {
  public:
    explicit FakeLink(Target& target) : target_(target) { target_.alive = true; }
    ~FakeLink() override { target_.alive = false; }
    void start(Events events) override {
        ++target_.attempts;
        target_.events = std::move(events);
    }
    Status track(const ingest::LiveTrack& track) override {
        target_.tracks.push_back(track.id);
        return {};
    }
    bool unit(const ingest::TimedUnit& unit) override {
        if (!target_.has_room) return false;
        ingest::TimedUnit kept;
        kept.track = unit.track;
        kept.pts_ns = unit.pts_ns;
        kept.dts_ns = unit.dts_ns;
        kept.key = unit.key;
        target_.units.push_back(std::move(kept));
        return true;
    }
    void finish() override { target_.finished = true; }
    std::uint64_t sent_bytes() const override { return 0; }

  private:
    Target& target_;
};

struct Rig {
    boost::asio::io_context home;
    SystemClock clock;
    NullMetrics metrics;
    Target target;
    std::unique_ptr<live::Restreamer> restreamer = std::make_unique<live::Restreamer>(
        "live/a",
        "elsewhere",
        [this]() -> Result<std::unique_ptr<live::RestreamLink>> {
            return std::unique_ptr<live::RestreamLink>(std::make_unique<FakeLink>(target));
        },
        home,
        clock,
        metrics,
        live::RestreamBackOff{1ms, 4ms, 1h});

    void announce() {
        ingest::LiveTrack video;
        video.id = 0;
        video.config = test::live_video("video").codec;
        restreamer->on_track(video);
        ingest::LiveTrack audio;
        audio.id = 1;
        audio.config = test::live_audio("audio").codec;
        restreamer->on_track(audio);
    }
    void unit(int track, bool key) {
        ingest::TimedUnit unit;
        unit.track = track;
        unit.pts_ns = unit.dts_ns = ++time * 20'000'000;
        unit.key = key;
        restreamer->on_unit(unit);
    }
    void wait_for_attempt(int count) {
        home.restart();
        while (target.attempts < count) home.run_one_for(10s);
    }

    std::int64_t time = 0;
};

}  // namespace

TEST_CASE("restreaming begins with a picture that can be decoded") {
    Rig rig;
    rig.announce();
    REQUIRE(rig.target.attempts == 1);
    rig.unit(0, true);
    rig.target.events.ready();
    CHECK(rig.target.tracks == std::vector<int>{0, 1});
    rig.unit(1, true);
    rig.unit(0, false);
    CHECK(rig.target.units.empty());
    rig.unit(0, true);
    rig.unit(1, true);
    CHECK(rig.target.units.size() == 2);
}

TEST_CASE("what a slow target has no room for is left out up to the next key frame") {
    Rig rig;
    rig.announce();
    rig.target.events.ready();
    rig.unit(0, true);
    rig.target.has_room = false;
    rig.unit(0, false);
    rig.target.has_room = true;
    rig.unit(0, false);
    rig.unit(1, true);
    CHECK(rig.target.units.size() == 1);
    rig.unit(0, true);
    rig.unit(1, true);
    CHECK(rig.target.units.size() == 3);
}

TEST_CASE("a target that went is called again, for as long as the channel lives") {
    Rig rig;
    rig.announce();
    for (int attempt = 1; attempt < 5; ++attempt) {
        rig.target.events.closed(Error{Errc::kIo, "gone"});
        rig.wait_for_attempt(attempt + 1);
    }
    rig.target.events.ready();
    rig.unit(0, true);
    CHECK(rig.target.units.size() == 1);
    rig.restreamer->on_end(false);
    CHECK(rig.target.finished);
    rig.target.events.closed(Error{Errc::kIo, "gone"});
    rig.home.restart();
    rig.home.poll();
    CHECK(rig.target.attempts == 5);
}

TEST_CASE("SRT targets are addresses with what libsrt calls its options") {
    const auto target = live::parse_srt_target(
        "srt://"
        "[2001:db8::1]:7000?streamid=%23!%3A%3Ar%3Dlive%2Fa&passphrase=p%20q&pbkeylen=32&latency="
        "200");
    REQUIRE(target);
    CHECK(target->host == "2001:db8::1");
    CHECK(target->port == 7000);
    CHECK(target->stream_id == "#!::r=live/a");
    CHECK(target->passphrase == "p q");
    CHECK(target->key_bytes == 32);
    CHECK(target->latency == 200ms);
    for (const auto* bad : {"srt://",
                            "srt://a",
                            "srt://a:0",
                            "srt://a:99999",
                            "srt://:1",
                            "srt://a:1?latency=x",
                            "srt://a:1?mode=listener",
                            "srt://a:1?x=%2",
                            "udp://a:1"}) {
        const auto refused = live::parse_srt_target(bad);
        REQUIRE_FALSE(refused);
        CHECK(refused.error().message.find("x=%2") == std::string::npos);
    }
}
