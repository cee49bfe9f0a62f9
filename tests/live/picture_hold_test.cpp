#include "picture_hold.hpp"

#include <vector>

#include <support/catch.hpp>

#include "../packagers/live_feed.hpp"
#include "timeline_recorder.hpp"

using namespace sg;

namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kCadence = 360 * kMs;
constexpr int kVideo = 0;
constexpr int kSound = 1;
constexpr int kOther = 2;
constexpr unsigned char kIdr = 0x65;
constexpr unsigned char kSlice = 0x41;

struct Rig {
    test::TimelineRecorder out;
    live::PictureHold hold{"live/a", kCadence, out};

    Rig() {
        announce(kVideo, true);
        announce(kSound, false);
    }
    void announce(int id, bool video) {
        ingest::LiveTrack track;
        track.id = id;
        track.config = video ? test::live_video("video").codec : test::live_audio("audio").codec;
        hold.on_track(track);
    }
    void picture(std::int64_t at_ms, unsigned char nal, int track = kVideo, bool key = true) {
        ingest::TimedUnit unit;
        unit.track = track;
        unit.pts_ns = unit.dts_ns = at_ms * kMs;
        unit.key = key;
        // A number of its own behind the NAL header.
        for (const int byte : {0, 0, 0, 2, static_cast<int>(nal), static_cast<int>(at_ms / 1000)})
            unit.data.push_back(static_cast<std::byte>(byte));
        hold.on_unit(std::move(unit));
    }
    /// A picture and sound each 40 ms, with a key frame each second.
    void both(std::int64_t from_ms, std::int64_t to_ms) {
        for (; from_ms < to_ms; from_ms += 40) {
            const bool key = from_ms % 1000 == 0;
            picture(from_ms, key ? kIdr : kSlice, kVideo, key);
            sound(from_ms, from_ms + 40);
        }
    }
    void sound(std::int64_t from_ms, std::int64_t to_ms) {
        for (; from_ms < to_ms; from_ms += 40) {
            ingest::TimedUnit unit;
            unit.track = kSound;
            unit.pts_ns = unit.dts_ns = from_ms * kMs;
            hold.on_unit(std::move(unit));
        }
    }
    /// Of pictures that came out from here on.
    [[nodiscard]] std::vector<ingest::TimedUnit> pictures(std::int64_t from_ms) const {
        std::vector<ingest::TimedUnit> all;
        for (const auto& unit : out.units) {
            if (unit.track == kVideo && unit.dts_ns >= from_ms * kMs) all.push_back(unit);
        }
        return all;
    }
};

}  // namespace

TEST_CASE("pictures that stop go on as the last key frame, and nobody hears of their end") {
    Rig rig;
    rig.both(0, 3'000);
    rig.sound(3'000, 4'400);
    CHECK(rig.hold.pictures() == 0);
    rig.sound(4'400, 6'000);
    rig.hold.on_track_end(kVideo);
    rig.sound(6'000, 20'000);
    const auto held = rig.pictures(3'000);
    REQUIRE(held.size() == rig.hold.pictures());
    CHECK(held.front().dts_ns == 3'000 * kMs);
    CHECK(held.back().dts_ns > 19'000 * kMs);
    for (std::size_t i = 0; i < held.size(); ++i) {
        CHECK(held[i].key);
        CHECK(held[i].pts_ns == held[i].dts_ns);
        CHECK(held[i].data == rig.pictures(2'000).front().data);
        if (i > 0) CHECK(held[i].dts_ns - held[i - 1].dts_ns == kCadence);
    }
    CHECK(rig.out.told == "+0+1");
}

TEST_CASE("pictures that come back go on at their next key frame") {
    Rig rig;
    rig.both(0, 3'000);
    rig.sound(3'000, 8'000);
    rig.hold.on_track_end(kVideo);
    rig.announce(kVideo, true);
    REQUIRE(rig.hold.pictures() > 0);
    rig.both(8'400, 10'000);
    const auto back = rig.pictures(8'400);
    REQUIRE_FALSE(back.empty());
    const auto all = rig.pictures(0);
    for (std::size_t i = 1; i < all.size(); ++i) CHECK(all[i].dts_ns > all[i - 1].dts_ns);
    for (const auto& unit : back) CHECK((unit.key || unit.dts_ns > 9'000 * kMs));
    CHECK(all.back().dts_ns == 9'960 * kMs);
    CHECK(rig.out.told == "+0+1");
}

TEST_CASE("pictures that always lag behind the sound find their place when they are back") {
    Rig rig;
    const auto lagging = [&rig](std::int64_t from_ms, std::int64_t to_ms) {
        for (; from_ms < to_ms; from_ms += 40) {
            rig.sound(from_ms + 800, from_ms + 840);
            const bool key = from_ms % 1000 == 0;
            rig.picture(from_ms, key ? kIdr : kSlice, kVideo, key);
        }
    };
    lagging(0, 3'000);
    rig.sound(3'800, 8'800);
    REQUIRE(rig.hold.pictures() > 0);
    lagging(8'000, 10'000);
    CHECK(rig.pictures(8'000).size() == 50);
}

TEST_CASE("pictures that come rarely are waited for") {
    Rig rig;
    for (const int second : {0, 1, 2, 5}) {
        rig.sound(second * 1000, second * 1000 + 40);
        rig.picture(second * 1000, second == 0 ? kIdr : kSlice, kVideo, second == 0);
    }
    rig.sound(5'040, 8'000);
    CHECK(rig.hold.pictures() == 0);
    CHECK(rig.pictures(0).size() == 4);
}

TEST_CASE("what is no closed key frame is not repeated") {
    Rig rig;
    // An open GOP: it says that it is a key frame, and is no IDR.
    for (int i = 0; i < 25; ++i) rig.picture(i * 40, kSlice, kVideo, i == 0);
    rig.sound(0, 10'000);
    CHECK(rig.hold.pictures() == 0);
    rig.hold.on_track_end(kVideo);
    CHECK(rig.out.told == "+0+1-0");
}

TEST_CASE("a closed key frame from before open ones is no picture to come back to") {
    Rig rig;
    for (int i = 0; i < 200; ++i) rig.picture(i * 40, i == 0 ? kIdr : kSlice, kVideo, i % 25 == 0);
    rig.sound(0, 20'000);
    CHECK(rig.hold.pictures() == 0);
}

TEST_CASE("pictures that were not repeated go on where they were") {
    Rig rig;
    rig.both(0, 3'480);
    // Told to have ended, as when all came to a halt for seconds; back before one was missing.
    rig.hold.on_track_end(kVideo);
    rig.sound(3'480, 3'560);
    rig.announce(kVideo, true);
    rig.both(3'480, 5'000);
    CHECK(rig.hold.pictures() == 0);
    CHECK(rig.pictures(0).size() == 125);
}

TEST_CASE("pictures beside others that go on end as their sender says") {
    Rig rig;
    rig.announce(kOther, true);
    rig.both(0, 1'000);
    rig.picture(960, kIdr, kOther);
    rig.hold.on_track_end(kVideo);
    CHECK(rig.out.told == "+0+1+2-0");
    rig.hold.on_track_end(kOther);
    CHECK(rig.out.told == "+0+1+2-0");
}

TEST_CASE("behind a discontinuity repeats begin where the sound does") {
    Rig rig;
    rig.both(0, 3'000);
    rig.sound(3'000, 6'000);
    rig.hold.on_discontinuity({60'000 * kMs, ingest::TimelineDiscontinuity::Reason::kSession});
    rig.sound(60'000, 62'000);
    const auto after = rig.pictures(10'000);
    REQUIRE_FALSE(after.empty());
    CHECK(after.front().dts_ns == 60'000 * kMs);
}
