#include "silence_fill.hpp"

#include <vector>

#include <support/catch.hpp>

#include "../packagers/live_feed.hpp"
#include "timeline_recorder.hpp"

using namespace sg;

namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kFrame = 1024 * 1'000'000'000LL / 48'000;
constexpr int kVideo = 0;
constexpr int kSound = 1;
constexpr int kOther = 2;

struct Rig {
    test::TimelineRecorder out;
    live::SilenceFill fill{"live/a", out};

    Rig() {
        announce(kVideo, true);
        announce(kSound, false);
    }
    void announce(int id, bool video) {
        ingest::LiveTrack track;
        track.id = id;
        track.config = video ? test::live_video("video").codec : test::live_audio("audio").codec;
        fill.on_track(track);
    }
    void unit(int track, std::int64_t at_ns) {
        ingest::TimedUnit unit;
        unit.track = track;
        unit.pts_ns = unit.dts_ns = at_ns;
        unit.data.resize(100);
        fill.on_unit(std::move(unit));
    }
    /// Pictures each 40 ms.
    void pictures(std::int64_t from_ms, std::int64_t to_ms) {
        for (; from_ms < to_ms; from_ms += 40) unit(kVideo, from_ms * kMs);
    }
    void sound(std::int64_t from_ns, int frames, int track = kSound) {
        for (int i = 0; i < frames; ++i) unit(track, from_ns + i * kFrame);
    }
    /// Beginnings of the frames of a track, the silent ones alone if wanted.
    [[nodiscard]] std::vector<std::int64_t> times(int track, bool silent) const {
        std::vector<std::int64_t> all;
        for (const auto& unit : out.units) {
            if (unit.track == track && (!silent || unit.data.size() < 100))
                all.push_back(unit.pts_ns);
        }
        return all;
    }
};

}  // namespace

TEST_CASE("sound that stops goes on as silence without a hole, and nobody hears of its end") {
    Rig rig;
    rig.sound(0, 47);
    rig.pictures(0, 2'400);
    CHECK(rig.times(kSound, true).empty());
    rig.pictures(2'400, 4'000);
    rig.fill.on_track_end(kSound);
    rig.pictures(4'000, 20'000);
    const auto all = rig.times(kSound, false);
    CHECK(all.back() > 19'900 * kMs);
    for (std::size_t i = 1; i < all.size(); ++i) {
        const auto step = all[i] - all[i - 1];
        CHECK((step >= kFrame && step <= kFrame + 1));
    }
    CHECK(rig.out.told == "+0+1");
}

TEST_CASE("sound that comes back takes the place of silence") {
    Rig rig;
    rig.sound(0, 47);
    rig.pictures(0, 5'000);
    rig.fill.on_track_end(kSound);
    const auto silent = rig.times(kSound, true).size();
    REQUIRE(silent > 0);
    rig.announce(kSound, false);
    // The first frames lie where silence is already.
    rig.sound(4'800 * kMs, 20);
    const auto all = rig.times(kSound, false);
    for (std::size_t i = 1; i < all.size(); ++i) CHECK(all[i] > all[i - 1]);
    CHECK(all.back() == 4'800 * kMs + 19 * kFrame);
    rig.pictures(5'000, 6'000);
    CHECK(rig.times(kSound, true).size() == silent);
    CHECK(rig.out.told == "+0+1");
}

TEST_CASE("sound that always lags behind the pictures is heard when it is back") {
    Rig rig;
    // Each picture comes before the sound of 300 ms earlier.
    const auto lagging = [&rig](std::int64_t from_ms, std::int64_t to_ms) {
        for (; from_ms < to_ms; from_ms += 40) {
            rig.unit(kVideo, (from_ms + 300) * kMs);
            const auto first = (from_ms * kMs + kFrame - 1) / kFrame;
            const auto end = ((from_ms + 40) * kMs + kFrame - 1) / kFrame;
            rig.sound(first * kFrame, static_cast<int>(end - first));
        }
    };
    lagging(0, 3'000);
    rig.pictures(3'300, 9'000);
    REQUIRE(rig.fill.frames() > 0);
    lagging(8'720, 12'000);
    const auto all = rig.times(kSound, false);
    for (std::size_t i = 1; i < all.size(); ++i) CHECK(all[i] > all[i - 1]);
    CHECK(all.back() > 11'950 * kMs);
    const auto silent = rig.times(kSound, true);
    CHECK(silent.back() < 8'800 * kMs);
}

TEST_CASE("behind a discontinuity silence begins where the pictures do") {
    Rig rig;
    rig.sound(0, 47);
    rig.pictures(0, 4'000);
    rig.fill.on_discontinuity({60'000 * kMs, ingest::TimelineDiscontinuity::Reason::kSession});
    const auto before = rig.times(kSound, false).size();
    rig.pictures(60'000, 62'000);
    const auto all = rig.times(kSound, false);
    REQUIRE(all.size() > before);
    CHECK(all[before] == 60'000 * kMs);
}

TEST_CASE("a language among others that go on ends as its sender says") {
    Rig rig;
    rig.announce(kOther, false);
    rig.sound(0, 20);
    rig.sound(0, 20, kOther);
    rig.fill.on_track_end(kOther);
    CHECK(rig.out.told == "+0+1+2-2");
    SECTION("and the last one does not") {
        rig.fill.on_track_end(kSound);
        CHECK(rig.out.told == "+0+1+2-2");
    }
}

TEST_CASE("nothing is made of sound that never came, or without pictures") {
    Rig rig;
    rig.pictures(0, 10'000);
    CHECK(rig.times(kSound, false).empty());
    rig.fill.on_track_end(kSound);
    CHECK(rig.out.told == "+0+1-1");
}
