#include <cstdlib>
#include <random>

#include <support/catch.hpp>

#include "live_publisher.hpp"

using namespace sg;
using namespace sg::tests;
using ingest::TimelineRepair;

namespace {

struct Bounds {
    std::int64_t skew = 0;    ///< largest distance between tracks at one instant
    std::int64_t length = 0;  ///< delivered minus passed at the end
};

/// A stream in real time whose clocks jump at random, each alone or both together.
Bounds torture(unsigned seed, bool sessions, Recorder& out) {
    std::mt19937 random(seed);
    TimelineRepair repair(out);
    Publisher publisher{repair, out};
    if (seed % 2 == 1) publisher.clock = {90000, 33};
    std::int64_t video_off = static_cast<std::int64_t>(random() % 100'000) * kSecond;
    std::int64_t audio_off = video_off;
    publisher.video_ts = [&](std::int64_t t) { return std::max<std::int64_t>(t + video_off, 0); };
    publisher.audio_ts = [&](std::int64_t t) { return std::max<std::int64_t>(t + audio_off, 0); };
    publisher.begin();
    publisher.headers();
    for (int i = 0; i < 60; ++i) {
        publisher.run(static_cast<std::int64_t>(1 + random() % 3000) * kMs);
        // From 0.6 s on, so that it is a jump and not a late frame.
        const std::int64_t by = static_cast<std::int64_t>(600 + random() % 200'000) * kMs *
                                (random() % 2 == 0 ? 1 : -1);
        switch (random() % 6) {
            case 0:
                video_off += by;
                break;
            case 1:
                audio_off += by;
                break;
            case 2:
                if (!sessions) break;
                publisher.now += static_cast<std::int64_t>(random() % 5000) * kMs;
                publisher.begin();
                publisher.headers();
                break;
            case 3:
                publisher.height = publisher.height == 720 ? 480 : 720;
                publisher.headers();
                break;
            default:
                video_off += by;
                audio_off += by;
        }
    }
    publisher.run(5 * kSecond);
    Bounds bounds;
    const Recorder::Event* last[2] = {nullptr, nullptr};
    for (const auto& event : out.events) {
        if (event.kind != Recorder::Kind::kUnit) continue;
        last[event.track] = &event;
        if (last[0] == nullptr || last[1] == nullptr) continue;
        if (std::abs(last[0]->arrival - last[1]->arrival) > 30 * kMs) continue;
        bounds.skew = std::max(bounds.skew, std::abs(last[0]->dts - last[1]->dts));
    }
    bounds.length = repair.end_ns() - TimelineRepair::kOriginNs - (publisher.now - kSecond);
    return bounds;
}

}  // namespace

TEST_CASE("random jumps never break order, tracks or the relation to time that passes") {
    for (unsigned seed = 1; seed <= 60; ++seed) {
        const bool sessions = seed % 3 == 0;
        Recorder out;
        const Bounds bounds = torture(seed, sessions, out);
        INFO("seed " << seed);
        CHECK(out.disorder().empty());
        CHECK(out.track_ids() == std::set<int>{0, 1});
        // A session may begin with clocks up to five seconds apart: that may be its interleaving.
        CHECK(bounds.skew < (sessions ? 5200 : 1200) * kMs);
        CHECK(std::abs(bounds.length) < (sessions ? 5200 : 1200) * kMs);
    }
}

TEST_CASE("honest times are never repaired, however the network delivers them") {
    for (unsigned seed = 1; seed <= 60; ++seed) {
        std::mt19937 random(seed);
        Recorder out;
        TimelineRepair repair(out);
        const std::int64_t scale = seed % 2 == 0 ? 1000 : 90000;
        const unsigned session =
            repair.begin_session({static_cast<std::uint32_t>(scale), seed % 2 == 0 ? 32U : 33U}, 0);
        repair.track(session, video_track(0), 0);
        repair.track(session, audio_track(1), 0);
        const std::int64_t base = static_cast<std::int64_t>(random() % 1'000'000) * kSecond;
        const auto raw = [&](std::int64_t t) { return (t + base) / 1000 * scale / 1'000'000; };
        // Pictures at an uneven rate, encoded some time after their sound.
        const std::int64_t encoder_delay = static_cast<std::int64_t>(random() % 1500) * kMs;
        const int slowest = 34 + static_cast<int>(random() % 400);
        std::int64_t video = 0;
        std::int64_t audio = 0;
        std::int64_t free_at = 0;
        std::vector<std::int64_t> video_times;
        std::vector<std::int64_t> audio_times;
        bool key = true;
        while (video < 60 * kSecond) {
            const bool sound = audio <= video + encoder_delay;
            const std::int64_t made = sound ? audio : video + encoder_delay;
            // The network stalls now and then and delivers in order.
            if (random() % 400 == 0)
                free_at = made + static_cast<std::int64_t>(random() % 3000) * kMs;
            free_at = std::max(free_at, made + static_cast<std::int64_t>(random() % 60) * kMs);
            if (sound) {
                repair.push(session, {1, raw(audio), raw(audio), true, false, {}}, free_at);
                audio_times.push_back(audio);
                audio += 1024 * kSecond / 48000;
            } else {
                repair.push(session, {0, raw(video), raw(video), key, false, {}}, free_at);
                key = false;
                video_times.push_back(video);
                video +=
                    static_cast<std::int64_t>(17 + random() % static_cast<unsigned>(slowest)) * kMs;
            }
        }
        INFO("seed " << seed);
        const ingest::RepairCounters& counters = repair.counters();
        CHECK(counters.units == video_times.size() + audio_times.size());
        CHECK(counters.jumps_forward + counters.jumps_back + counters.holes_closed +
                  counters.tracks_realigned + counters.audio_resyncs + counters.dts_fixed +
                  counters.discontinuities ==
              0);
        const auto pictures = out.units(0);
        const auto frames = out.units(1);
        REQUIRE(pictures.size() == video_times.size());
        REQUIRE(frames.size() == audio_times.size());
        const std::int64_t offset = pictures[0].dts - video_times[0];
        std::int64_t worst = 0;
        for (std::size_t i = 0; i < pictures.size(); ++i) {
            worst = std::max(worst, std::abs(pictures[i].dts - video_times[i] - offset));
        }
        for (std::size_t i = 0; i < frames.size(); ++i) {
            worst = std::max(worst, std::abs(frames[i].dts - audio_times[i] - offset));
        }
        CHECK(worst < 5 * kMs);
    }
}

TEST_CASE("garbage in all fields at once comes out in order and bounded") {
    for (unsigned seed = 1; seed <= 40; ++seed) {
        std::mt19937_64 random(seed);
        Recorder out;
        TimelineRepair repair(out);
        std::int64_t now = 0;
        unsigned session = 0;
        for (int i = 0; i < 3000; ++i) {
            now += static_cast<std::int64_t>(random() % 100) * kMs;
            switch (random() % 40) {
                case 0:
                    session = repair.begin_session({static_cast<std::uint32_t>(random() % 200'000),
                                                    static_cast<unsigned>(random() % 70)},
                                                   now);
                    break;
                case 1:
                    repair.track(session,
                                 video_track(static_cast<int>(random() % 4),
                                             static_cast<unsigned>(random() % 5)),
                                 now);
                    break;
                case 2:
                    repair.track(session,
                                 audio_track(static_cast<int>(random() % 4),
                                             static_cast<unsigned>(random() % 5)),
                                 now);
                    break;
                case 3:
                    repair.end_track(session, static_cast<int>(random() % 4), now);
                    break;
                case 4:
                    repair.advance(now);
                    break;
                default: {
                    ingest::LiveUnit unit;
                    unit.track = static_cast<int>(random() % 4);
                    const bool wild = random() % 4 == 0;
                    unit.dts = wild ? static_cast<std::int64_t>(random()) : now / kMs;
                    unit.pts = random() % 8 == 0 ? static_cast<std::int64_t>(random()) : unit.dts;
                    unit.key = random() % 3 == 0;
                    repair.push(session, std::move(unit), now);
                }
            }
        }
        INFO("seed " << seed);
        CHECK(out.disorder().empty());
    }
}
