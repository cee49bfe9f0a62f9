#include "picture_hold.hpp"

#include <algorithm>
#include <iterator>
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
    /// A picture and sound each 40 ms, with a key frame each `gop_ms`.
    void both(std::int64_t from_ms, std::int64_t to_ms, std::int64_t gop_ms = 1000) {
        for (; from_ms < to_ms; from_ms += 40) {
            const bool key = from_ms % gop_ms == 0;
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

TEST_CASE("pictures that come back find their place, as if they had never been away") {
    Rig rig;
    const bool long_gops = GENERATE(false, true);
    const std::int64_t gop_ms = long_gops ? 5'000 : 1'000;
    rig.both(0, 3'000, gop_ms);
    rig.sound(3'000, 8'000);
    rig.hold.on_track_end(kVideo);
    rig.announce(kVideo, true);
    REQUIRE(rig.hold.pictures() > 0);
    rig.both(8'400, 10'000, gop_ms);
    const auto back = rig.pictures(8'400);
    REQUIRE_FALSE(back.empty());
    const auto all = rig.pictures(0);
    for (std::size_t i = 1; i < all.size(); ++i) CHECK(all[i].dts_ns > all[i - 1].dts_ns);
    if (long_gops) {
        CHECK(back.size() == 40);
    } else {
        // The next key frame was not far.
        CHECK(back.size() < 30);
        CHECK(rig.pictures(9'000).size() == 25);
    }
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

namespace {

/// `count` pictures each 40 ms from `from_ms` on, a key frame first if it is asked for. With
/// `reorder` one is decoded before the two that are shown before it.
void gop(Rig& rig, std::int64_t from_ms, int count, bool key, bool reorder) {
    for (int i = 0; i < count; ++i) {
        const std::int64_t dts = from_ms + std::int64_t{40} * i;
        const int place = key ? i - 1 : i;
        std::int64_t pts = dts;
        if (reorder) pts += place < 0 ? 80 : place % 3 == 0 ? 160 : 40;
        ingest::TimedUnit unit;
        unit.track = kVideo;
        unit.dts_ns = dts * kMs;
        unit.pts_ns = pts * kMs;
        unit.arrival_ns = unit.dts_ns;
        unit.key = key && i == 0;
        // What it is: its display time.
        for (const int byte : {0,
                               0,
                               0,
                               4,
                               static_cast<int>(unit.key ? kIdr : kSlice),
                               0,
                               static_cast<int>(pts / 40 / 256),
                               static_cast<int>(pts / 40 % 256)})
            unit.data.push_back(static_cast<std::byte>(byte));
        rig.hold.on_unit(std::move(unit));
    }
}

std::int64_t name_ms(const ingest::TimedUnit& unit) {
    return (std::to_integer<std::int64_t>(unit.data[6]) * 256 +
            std::to_integer<std::int64_t>(unit.data[7])) *
           40;
}

void check_order(const std::vector<ingest::TimedUnit>& units) {
    for (std::size_t i = 0; i < units.size(); ++i) {
        CHECK(units[i].pts_ns >= units[i].dts_ns);
        // A tick of 1/90000 s.
        if (i > 0) CHECK((units[i].dts_ns - units[i - 1].dts_ns) * 9 >= 100'000);
    }
}

}  // namespace

TEST_CASE("pictures that come back in mid-GOP go on at once, behind all of their GOP") {
    for (const bool reorder : {false, true}) {
        CAPTURE(reorder);
        Rig rig;
        gop(rig, 0, 61, true, reorder);
        rig.sound(0, 6'000);
        const auto repeats = rig.hold.pictures();
        REQUIRE(repeats > 0);
        gop(rig, 6'000, 60, false, reorder);
        const auto all = rig.pictures(0);
        check_order(all);
        REQUIRE(all.size() == 121 + rig.hold.pictures());
        REQUIRE(rig.hold.pictures() >= repeats + 61);
        // Repeats up to the GOP: the last one no longer than the others.
        const auto again = all.end() - 60 - 61;
        for (auto held = all.begin() + 61; held != again; ++held) {
            CHECK(held->key);
            CHECK(std::next(held)->dts_ns - held->dts_ns <= kCadence);
        }
        auto shown = std::vector<ingest::TimedUnit>(again, all.end());
        for (std::size_t i = 0; i < 61; ++i) {
            CHECK(shown[i].data == all[i].data);
            CHECK(shown[i].key == (i == 0));
            CHECK(shown[i].pts_ns < 6'000 * kMs);
            CHECK(shown[i].dts_ns > 5'700 * kMs);
            CHECK(shown[i].arrival_ns == shown[i].dts_ns);
        }
        CHECK(shown[0].pts_ns - shown[0].dts_ns >= (reorder ? 80 : 0) * kMs);
        std::sort(shown.begin(), shown.end(), [](const auto& a, const auto& b) {
            return a.pts_ns < b.pts_ns;
        });
        for (std::size_t i = 1; i < shown.size(); ++i)
            CHECK(name_ms(shown[i]) > name_ms(shown[i - 1]));
    }
}

TEST_CASE("a GOP goes on behind a second pause as well") {
    Rig rig;
    gop(rig, 0, 50, true, false);
    rig.sound(0, 6'000);
    gop(rig, 6'000, 50, false, false);
    rig.sound(6'000, 12'000);
    gop(rig, 12'000, 50, false, false);
    const auto all = rig.pictures(0);
    check_order(all);
    REQUIRE(all.size() > 150);
    for (std::size_t i = 0; i < 50; ++i) {
        CHECK(all[all.size() - 150 + i].data == all[i].data);
        CHECK(name_ms(all[all.size() - 100 + i]) == 6'000 + static_cast<std::int64_t>(i) * 40);
    }
}

TEST_CASE("pictures that come late for what was held are kept until one finds room") {
    Rig rig;
    gop(rig, 0, 50, true, false);
    rig.sound(0, 6'000);
    // As an encoder's delay lets them come.
    gop(rig, 2'000, 10, false, false);
    CHECK(rig.pictures(0).back().key);
    gop(rig, 6'000, 10, false, false);
    const auto all = rig.pictures(0);
    check_order(all);
    for (std::size_t i = 0; i < 20; ++i)
        CHECK(name_ms(all[all.size() - 20 + i]) ==
              (i < 10 ? 2'000 : 5'600) + static_cast<std::int64_t>(i) * 40);
}

TEST_CASE("pictures of a GOP that is not whole come back with the next key frame") {
    enum class Fault { kDamaged, kTooMany, kTooLarge, kOpen };
    for (const auto fault : {Fault::kDamaged, Fault::kTooMany, Fault::kTooLarge, Fault::kOpen}) {
        CAPTURE(static_cast<int>(fault));
        Rig rig;
        const int count = fault == Fault::kTooMany ? 301 : 20;
        gop(rig, 0, count, true, false);
        ingest::TimedUnit unit;
        unit.track = kVideo;
        unit.dts_ns = unit.pts_ns = std::int64_t{count} * 40 * kMs;
        unit.damaged = fault == Fault::kDamaged;
        unit.key = fault == Fault::kOpen;
        unit.data.resize(fault == Fault::kTooLarge ? live::LastGop::kMaxBytes : 6);
        unit.data[3] = static_cast<std::byte>(unit.data.size() - 4);
        unit.data[4] = static_cast<std::byte>(kSlice);
        rig.hold.on_unit(std::move(unit));
        rig.sound(0, 18'000);
        REQUIRE(rig.hold.pictures() > 0);
        gop(rig, 18'000, 20, false, false);
        CHECK(rig.pictures(18'000).empty());
        gop(rig, 19'000, 20, true, false);
        CHECK(rig.pictures(19'000).size() == 20);
        // Up to where they are back the key frame is seen, each time as long.
        const auto all = rig.pictures(16'000);
        for (std::size_t i = 1; i < all.size(); ++i)
            CHECK(all[i].dts_ns - all[i - 1].dts_ns <= kCadence);
    }
}

TEST_CASE("behind a border in mid-GOP pictures go on at once") {
    for (const bool hole : {true, false}) {
        CAPTURE(hole);
        Rig rig;
        gop(rig, 0, 50, true, true);
        rig.sound(0, 2'000);
        const std::int64_t at = hole ? 5'000 : 2'000;
        rig.hold.on_discontinuity({at * kMs, ingest::TimelineDiscontinuity::Reason::kGap});
        rig.sound(at, at + 40);
        const auto before = rig.pictures(0);
        gop(rig, at, 10, false, true);
        const auto all = rig.pictures(0);
        check_order(all);
        // Without a hole there is room only when some more have come.
        CHECK(all.size() == before.size() + 60);
        CHECK(all[50].key);
        CHECK(all[50].data == all[0].data);
        // Not where the pictures before the border are seen.
        for (std::size_t i = 50; i < all.size(); ++i) CHECK(all[i].pts_ns >= 2'040 * kMs);
        CHECK(rig.hold.pictures() == (hole ? 50 : 55));
    }
}

TEST_CASE("behind a border in a GOP that is not whole the key frame is seen at once") {
    Rig rig;
    gop(rig, 0, 301, true, false);
    rig.sound(0, 12'040);
    rig.hold.on_discontinuity({15'000 * kMs, ingest::TimelineDiscontinuity::Reason::kGap});
    gop(rig, 15'000, 3, false, false);
    rig.sound(15'000, 16'000);
    const auto held = rig.pictures(15'000);
    REQUIRE_FALSE(held.empty());
    CHECK(held.front().dts_ns == 15'000 * kMs);
    for (const auto& unit : held) CHECK(unit.data == rig.pictures(0).front().data);
    gop(rig, 16'000, 3, true, false);
    CHECK(rig.pictures(16'000).size() == 3);
}
