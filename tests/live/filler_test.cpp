#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <live/channel.hpp>
#include <live/input_switch.hpp>

#include <support/catch.hpp>

#include "../ingest/live_publisher.hpp"
#include "../packagers/live_feed.hpp"

using namespace sg;
using namespace std::chrono_literals;
using sg::tests::kMs;
using sg::tests::kSecond;

namespace {

constexpr ingest::LiveClock kClock{1000, 32};

ingest::LiveUnit picture(int n, char content) {
    ingest::LiveUnit unit;
    unit.pts = unit.dts = n * 40;
    unit.key = n % 25 == 0;
    unit.data = {std::byte(content)};
    return unit;
}

class HeldClock final : public Clock {
  public:
    [[nodiscard]] Monotonic now() const override { return Monotonic(steady); }
    [[nodiscard]] Wall wall() const override { return Wall(1'790'000'000s + steady); }
    /// Timers run by the machine's clock, which may have been started minutes ago.
    std::chrono::nanoseconds steady = 1s;
};

ingest::LiveTrack sound_track() {
    ingest::LiveTrack track;
    track.config = sg::test::live_audio("audio").codec;
    return track;
}

/// Delivers one frame when it is started.
class OneFrame final : public live::ChannelFiller {
  public:
    explicit OneFrame(int& starts) : starts_(starts) {}
    [[nodiscard]] bool ready() const override { return true; }
    void start(std::shared_ptr<live::ChannelFeed> feed) override {
        ++starts_;
        feed_ = std::move(feed);
        feed_->on_track(sound_track());
        feed_->on_unit(picture(0, 's'));
        feed_->batch_done();
    }
    void stop() override {
        if (const auto feed = std::exchange(feed_, nullptr)) feed->close();
    }

  private:
    int& starts_;
    std::shared_ptr<live::ChannelFeed> feed_;
};

}  // namespace

TEST_CASE("a filler gives way with the first key frame of an input") {
    tests::Recorder out;
    ingest::TimelineRepair repair(out);
    live::InputSwitch inputs({}, repair);
    std::int64_t now = 100 * kSecond;
    const int slate = inputs.open(1, kClock, now, true);
    inputs.track(slate, tests::video_track(0), now);
    inputs.unit(slate, picture(0, 's'), now);
    CHECK(inputs.filling());
    CHECK(inputs.idle(now));
    const int primary = inputs.open(0, kClock, now);
    inputs.track(primary, tests::video_track(0), now);
    inputs.unit(primary, picture(24, 'p'), now += 40 * kMs);
    CHECK(inputs.on_air() == slate);
    inputs.unit(primary, picture(25, 'p'), now += 40 * kMs);
    CHECK(inputs.on_air() == primary);
    CHECK_FALSE(inputs.idle(now));
}

TEST_CASE("silence that nothing can end has no deadline in the past") {
    tests::Recorder out;
    ingest::TimelineRepair repair(out);
    live::InputSwitch inputs({}, repair);
    std::int64_t now = 100 * kSecond;
    const int primary = inputs.open(0, kClock, now);
    inputs.open(1, kClock, now);
    inputs.track(primary, tests::video_track(0), now);
    inputs.unit(primary, picture(0, 'p'), now);
    REQUIRE(inputs.deadline_ns());
    now += 2 * kSecond;
    inputs.advance(now);
    if (const auto next = inputs.deadline_ns()) CHECK(*next > now);
}

TEST_CASE("a channel is filled while nothing arrives, and does not end for it") {
    boost::asio::io_context home;
    HeldClock clock;
    NullMetrics metrics;
    live::ChannelSettings settings;
    settings.name = "live/a";
    settings.slate.enabled = true;
    const auto channel = live::Channel::create(settings, {home, clock, metrics, "e", {}, {}});
    int starts = 0;
    channel->set_filler(std::make_unique<OneFrame>(starts));
    CHECK(starts == 1);
    CHECK(channel->status().on_air == "slate");

    auto feed = channel->open_feed(0, kClock, {});
    REQUIRE(feed);
    (*feed)->on_track(sound_track());
    (*feed)->on_unit(picture(0, 'p'));
    (*feed)->batch_done();
    CHECK(channel->status().on_air == "main");

    clock.steady += 5s;
    (*feed)->close();
    CHECK(starts == 2);
    CHECK(channel->status().on_air == "slate");
    clock.steady += 1h;
    home.poll();
    CHECK_FALSE(channel->status().ended);
    channel->end("the test is over");
}

TEST_CASE("a channel whose slate is no more configured ends when the grace time is over") {
    boost::asio::io_context home;
    HeldClock clock;
    NullMetrics metrics;
    live::ChannelSettings settings;
    settings.name = "live/a";
    settings.grace = 0ms;
    settings.slate.enabled = true;
    const auto channel = live::Channel::create(settings, {home, clock, metrics, "e", {}, {}});
    int starts = 0;
    channel->set_filler(std::make_unique<OneFrame>(starts));
    REQUIRE(starts == 1);
    const auto pass = [&] {
        clock.steady += 1s;
        home.restart();
        home.run_for(100ms);
    };
    const auto ends = [&] {
        const auto deadline = std::chrono::steady_clock::now() + 60s;
        while (!channel->ended() && std::chrono::steady_clock::now() < deadline) pass();
        return channel->ended();
    };

    SECTION("at once without a publisher") {
        channel->allow_filler(false);
        CHECK(ends());
    }
    SECTION("not while somebody publishes") {
        auto feed = channel->open_feed(0, kClock, {});
        REQUIRE(feed);
        channel->allow_filler(false);
        pass();
        CHECK_FALSE(channel->ended());
        (*feed)->close();
        CHECK(ends());
        CHECK(starts == 1);
    }
    SECTION("not when it is configured again before that") {
        channel->allow_filler(false);
        channel->allow_filler(true);
        pass();
        CHECK_FALSE(channel->ended());
        CHECK(starts == 2);
    }
    SECTION("nor when there is nothing to fill it with") {
        channel->allow_filler(false);
        channel->set_filler(nullptr);
        CHECK(ends());
    }
    channel->end("the test is over");
}

TEST_CASE("a publisher whose track cannot be packaged does no harm") {
    boost::asio::io_context home;
    HeldClock clock;
    NullMetrics metrics;
    live::ChannelSettings settings;
    settings.name = "live/a";
    const auto channel = live::Channel::create(settings, {home, clock, metrics, "e", {}, {}});
    auto feed = channel->open_feed(0, kClock, {});
    REQUIRE(feed);
    // Its configuration is no avcC.
    (*feed)->on_track(tests::video_track(0));
    for (int n = 0; n < 3; ++n) (*feed)->on_unit(picture(n, 'p'));
    (*feed)->batch_done();
    CHECK(channel->status().segments == 0);
    channel->end("the test is over");
}
