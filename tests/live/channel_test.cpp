#include <chrono>
#include <functional>

#include <boost/asio/io_context.hpp>
#include <live/channel.hpp>
#include <live/channel_registry.hpp>

#include <support/catch.hpp>

#include "../packagers/live_feed.hpp"

using namespace sg;
using namespace std::chrono_literals;
using live::Lookup;

namespace {

class HeldClock final : public Clock {
  public:
    [[nodiscard]] Monotonic now() const override { return Monotonic(steady); }
    [[nodiscard]] Wall wall() const override { return Wall(1'790'000'000s + steady); }
    std::chrono::nanoseconds steady = 1000s;
};

/// Has always something left.
class NeverDone final : public live::LiveEncoder {
  public:
    void track(const ingest::LiveTrack&) override {}
    void track_end(int) override {}
    void unit(ingest::TimedUnit) override {}
    void discontinuity(std::int64_t) override {}
    void finish() override {}
    [[nodiscard]] bool done() const override { return false; }
};

struct Rig {
    boost::asio::io_context home;
    HeldClock clock;
    NullMetrics metrics;
    live::ChannelRegistry registry{registry_options(), {&home}, clock, metrics};

    static live::RegistryOptions registry_options() {
        live::RegistryOptions options;
        options.templates = {live::ChannelTemplate{}};
        options.max_channels = 3;
        return options;
    }
    std::shared_ptr<live::Channel> channel(std::string_view name = "live/a") {
        return registry.place_for(name, home).value().channel;
    }
    std::shared_ptr<live::ChannelFeed> feed(live::Channel& channel) {
        auto opened = channel.open_feed(0, {1000, 32}, [this](std::string_view) { ++replaced; });
        return opened ? *opened : nullptr;
    }
    /// `count` AAC frames of 1024 samples at 48 kHz, as an RTMP publisher sends them.
    void sound(live::ChannelFeed& feed, int count) {
        if (sent == 0) {
            ingest::LiveTrack track;
            track.config = sg::test::live_audio("audio").codec;
            feed.arrived(clock.now());
            feed.on_track(track);
        }
        for (int i = 0; i < count; ++i, ++sent) {
            ingest::LiveUnit unit;
            unit.pts = unit.dts = sent * 1024 * 1000 / 48000;
            unit.key = true;
            unit.data.resize(200);
            feed.arrived(clock.now());
            feed.on_unit(std::move(unit));
            feed.batch_done();
            clock.steady += 21'333'333ns;
        }
    }
    /// Runs timers until it is so; false after a generous deadline.
    bool until(const std::function<bool()>& so) {
        const auto deadline = std::chrono::steady_clock::now() + 60s;
        while (!so() && std::chrono::steady_clock::now() < deadline) {
            home.restart();
            home.run_one_for(50ms);
        }
        return so();
    }
    static std::string playlist(const live::Channel& channel, std::string_view path) {
        const auto found = channel.view()->find(path, {});
        if (found.outcome != Lookup::Outcome::kFound) return {};
        std::string text;
        for (const auto& piece : found.resource.pieces) {
            for (const auto byte : *piece.memory) text += static_cast<char>(byte);
        }
        return text;
    }

    int sent = 0;
    int replaced = 0;
};

}  // namespace

TEST_CASE("what is published to a matching name can be played, and not before") {
    Rig rig;
    const auto channel = rig.channel();
    CHECK(Rig::playlist(*channel, "index.m3u8").empty());
    const auto feed = rig.feed(*channel);
    rig.sound(*feed, 300);
    const auto text = Rig::playlist(*channel, "audio/index.m3u8");
    CHECK(text.find("#EXTINF") != std::string::npos);
    CHECK(text.find("#EXT-X-PROGRAM-DATE-TIME") != std::string::npos);
    CHECK(text.find("#EXT-X-ENDLIST") == std::string::npos);
    CHECK(rig.registry.find("live/a") == channel);
}

TEST_CASE("a waiter is woken once by the next view, and refused when it missed one") {
    Rig rig;
    const auto channel = rig.channel();
    const auto feed = rig.feed(*channel);
    int woken = 0;
    const auto seen = channel->view();
    REQUIRE(channel->notify_once(seen.get(), [&] { ++woken; }));
    rig.sound(*feed, 300);
    CHECK(woken == 1);
    CHECK_FALSE(channel->notify_once(seen.get(), [&] { ++woken; }));
}

TEST_CASE("a second publisher is refused while the first delivers") {
    Rig rig;
    const auto channel = rig.channel();
    const auto first = rig.feed(*channel);
    rig.sound(*first, 10);
    CHECK(rig.feed(*channel) == nullptr);
    CHECK(rig.replaced == 0);
}

TEST_CASE("a second publisher takes the place of one that has been silent") {
    Rig rig;
    const auto channel = rig.channel();
    const auto first = rig.feed(*channel);
    rig.sound(*first, 10);
    rig.clock.steady += 1500ms;
    const auto second = rig.feed(*channel);
    REQUIRE(second);
    CHECK(rig.replaced == 1);
    CHECK(first->replaced());
}

TEST_CASE("a publisher who comes back within the grace time goes on in the same playlist") {
    Rig rig;
    const auto channel = rig.channel();
    auto feed = rig.feed(*channel);
    rig.sound(*feed, 300);
    feed->close();
    rig.clock.steady += 5s;
    CHECK(rig.channel() == channel);
    feed = rig.feed(*channel);
    rig.sent = 0;
    rig.sound(*feed, 300);
    const auto text = Rig::playlist(*channel, "audio/index.m3u8");
    CHECK(text.find("#EXT-X-MEDIA-SEQUENCE:0") != std::string::npos);
    CHECK(text.find("#EXT-X-DISCONTINUITY\n") != std::string::npos);
}

TEST_CASE("a track that its sender ends and begins again as it was goes on") {
    Rig rig;
    const auto channel = rig.channel();
    const auto feed = rig.feed(*channel);
    rig.sound(*feed, 300);
    ingest::LiveTrack track;
    track.config = sg::test::live_audio("audio").codec;
    feed->on_track_end(0);
    feed->on_track(track);
    rig.sound(*feed, 300);
    CHECK(Rig::playlist(*channel, "audio/index.m3u8").find("#EXT-X-DISCONTINUITY\n") ==
          std::string::npos);
    feed->on_track_end(0);
    track.config.payload.push_back(std::byte{0});
    feed->on_track(track);
    rig.sound(*feed, 300);
    CHECK(Rig::playlist(*channel, "audio/index.m3u8").find("#EXT-X-DISCONTINUITY\n") !=
          std::string::npos);
}

TEST_CASE("sound that comes late begins with a key frame, so that no picture is lost") {
    Rig rig;
    const auto channel = rig.channel();
    const auto feed = rig.feed(*channel);
    ingest::LiveTrack pictures;
    pictures.config = sg::test::live_video("video").codec;
    ingest::LiveTrack sound;
    sound.id = 1;
    sound.config = sg::test::live_audio("audio").codec;
    feed->arrived(rig.clock.now());
    feed->on_track(pictures);
    const std::vector<std::byte> slice{
        std::byte{0}, std::byte{0}, std::byte{0}, std::byte{2}, std::byte{0x65}, std::byte{0x88}};
    for (int i = 0; i < 300; ++i) {
        feed->arrived(rig.clock.now());
        // In the middle of a GOP of two seconds.
        if (i == 125) feed->on_track(sound);
        ingest::LiveUnit unit;
        unit.pts = unit.dts = i * 40;
        unit.key = i % 50 == 0;
        unit.data = slice;
        feed->on_unit(std::move(unit));
        unit = {};
        unit.track = 1;
        unit.pts = unit.dts = i * 40;
        unit.key = true;
        unit.data.resize(100);
        if (i >= 125) feed->on_unit(std::move(unit));
        feed->batch_done();
        rig.clock.steady += 40ms;
    }
    const auto text = Rig::playlist(*channel, "video/index.m3u8");
    // Three segments, then the sound with the fourth.
    CHECK(text.find("#EXTINF:2.000000,\n") != std::string::npos);
    const auto border = text.find("#EXT-X-DISCONTINUITY\n");
    REQUIRE(border != std::string::npos);
    double before = 0;
    for (std::size_t at = text.find("#EXTINF:"); at < border; at = text.find("#EXTINF:", at + 1))
        before += std::stod(text.substr(at + 8));
    CHECK(before > 5.95);
    CHECK(Rig::playlist(*channel, "audio/index.m3u8").find("#EXTINF") != std::string::npos);
}

TEST_CASE("an ended channel has ENDLIST, and the next publisher gets a new one") {
    Rig rig;
    const auto channel = rig.channel();
    const auto feed = rig.feed(*channel);
    rig.sound(*feed, 300);
    bool ended = false;
    channel->when_ended([&] { ended = true; });
    channel->end("test");
    CHECK(ended);
    CHECK(rig.replaced == 1);
    CHECK(Rig::playlist(*channel, "audio/index.m3u8").find("#EXT-X-ENDLIST") != std::string::npos);
    CHECK(rig.channel() != channel);
}

TEST_CASE("a publisher who comes while an encoder empties itself gets the next session") {
    Rig rig;
    auto options = Rig::registry_options();
    options.templates[0].settings.preset = "ladder";
    rig.registry.reload(options);
    rig.registry.set_encoder_factory(
        [](const auto&, auto&, auto&) { return std::make_unique<NeverDone>(); });
    const auto channel = rig.channel();
    const auto feed = rig.feed(*channel);
    rig.sound(*feed, 10);
    channel->end("test");
    CHECK(channel->ended());
    CHECK_FALSE(channel->view()->ended());
    CHECK(channel->open_feed(0, {1000, 32}, {}).error().code == Errc::kAgain);
    const auto next = rig.channel();
    CHECK(next != channel);
    CHECK(rig.feed(*next));
    // When its second of grace is over.
    CHECK(rig.until([&] { return channel->view()->ended(); }));
    CHECK(rig.registry.find("live/a") == next);
}

TEST_CASE("of channels that have ended the oldest are forgotten, and those that made nothing") {
    Rig rig;
    auto options = Rig::registry_options();
    options.max_ended = 2;
    rig.registry.reload(options);
    for (const auto* name : {"live/a", "live/b", "live/silent", "live/c"}) {
        const auto channel = rig.channel(name);
        const auto feed = rig.feed(*channel);
        rig.sent = 0;
        if (channel->name() != "live/silent") rig.sound(*feed, 200);
        channel->end("test");
    }
    rig.home.poll();
    CHECK(rig.registry.find("live/a") == nullptr);
    CHECK(rig.registry.find("live/silent") == nullptr);
    CHECK(rig.registry.find("live/b") != nullptr);
    CHECK(rig.registry.find("live/c") != nullptr);

    options.max_ended_bytes = 1;
    rig.registry.reload(options);
    const auto last = rig.channel("live/d");
    rig.sent = 0;
    rig.sound(*rig.feed(*last), 200);
    last->end("test");
    CHECK(rig.registry.list().size() == 1);
    CHECK(rig.registry.find("live/d") == last);
}

TEST_CASE("names that cannot be, inputs that are not there and too many channels are refused") {
    Rig rig;
    const auto code = [&](std::string_view name) {
        return rig.registry.place_for(name, rig.home).error().code;
    };
    for (const auto* name : {"", "live", "live/", "/a", "live/a/b", "live/..", "live/a b"})
        CHECK(code(name) == Errc::kInvalidArgument);
    CHECK(code("other/a") == Errc::kNotFound);
    CHECK(code("live/a+backup") == Errc::kNotFound);
    for (const auto* name : {"live/a", "live/b", "live/c"})
        CHECK(rig.registry.place_for(name, rig.home));
    CHECK(code("live/d") == Errc::kLimit);
    const auto first = rig.registry.running("live/a");
    rig.sound(*rig.feed(*first), 200);
    first->end("test");
    CHECK(rig.registry.place_for("live/d", rig.home));
    CHECK(rig.registry.find("live/a") == nullptr);
}

TEST_CASE("a star in a pattern stands for anything but a slash") {
    CHECK(live::matches_pattern("live/*", "live/a"));
    CHECK(live::matches_pattern("*/*", "live/a"));
    CHECK(live::matches_pattern("live/a*z", "live/abcz"));
    CHECK_FALSE(live::matches_pattern("live/*", "live/a/b"));
    CHECK_FALSE(live::matches_pattern("live/*", "other/a"));
    CHECK_FALSE(live::matches_pattern("live/a", "live/ab"));
}

TEST_CASE("a template puts the stream's name where it is asked for") {
    live::ChannelSettings shape;
    shape.inputs = {{live::InputKind::kPull, "main", "rtmp://a/live/{name}?x={name}"}};
    shape.restream = {{"b", "srt://b:9000?streamid={name}"}};
    shape.slate.image = "/slates/{name}.png";
    const auto settings = live::settings_named(shape, "live/cam-1");
    CHECK(settings.name == "live/cam-1");
    CHECK(settings.inputs[0].url == "rtmp://a/live/cam-1?x=cam-1");
    CHECK(settings.restream[0].url == "srt://b:9000?streamid=cam-1");
    CHECK(settings.slate.image == "/slates/cam-1.png");
}
