#include <chrono>
#include <cstdlib>

#include <ingest/arrival_clock.hpp>
#include <support/catch.hpp>

#include "live_publisher.hpp"

// What real publishers do to a live server: each of these breaks playlists somewhere.

using namespace sg;
using namespace sg::tests;
using ingest::TimelineRepair;
using Kind = Recorder::Kind;

namespace {

struct Channel {
    Recorder out;
    TimelineRepair repair{out};
    Publisher publisher{repair, out};

    void start() {
        publisher.begin();
        publisher.headers();
    }
    /// Time that was delivered against time that passed.
    [[nodiscard]] std::int64_t length_error() const {
        return repair.end_ns() - TimelineRepair::kOriginNs - (publisher.now - kSecond);
    }
    /// The largest error of the dates that viewers are told, against when units arrived.
    [[nodiscard]] std::int64_t date_error() const {
        const Clock::Wall wall{std::chrono::hours(480'000)};
        ingest::ArrivalClock clock(wall, Clock::Monotonic{});
        std::int64_t worst = 0;
        for (const auto& event : out.events) {
            if (event.kind == Kind::kBorder) clock.restart();
            if (event.kind != Kind::kUnit) continue;
            clock.observe(event.dts, Clock::Monotonic{std::chrono::nanoseconds(event.arrival)});
            const auto date = clock.date_of(event.dts);
            if (!date) return -1;
            const auto since = std::chrono::duration_cast<std::chrono::nanoseconds>(*date - wall);
            worst = std::max(worst, std::abs(since.count() - event.arrival));
        }
        return worst;
    }
    void check_seamless(std::int64_t tolerance = 5 * kMs) const {
        CHECK(out.disorder().empty());
        CHECK(out.count(Kind::kBorder) == 0);
        CHECK(out.longest_step(0) < 40 * kMs);
        CHECK(out.longest_step(1) < 25 * kMs);
        CHECK(std::abs(sync_error(out, publisher)) < tolerance);
        CHECK(std::abs(length_error()) < 60 * kMs);
        CHECK(date_error() < 60 * kMs);
    }
};

}  // namespace

TEST_CASE("a publisher that returns goes on after the time it was away") {
    for (const std::int64_t away : {20 * kMs, 120 * kMs, 600 * kMs, 1100 * kMs, 3000 * kMs}) {
        Channel channel;
        channel.start();
        channel.publisher.run(10 * kSecond);
        channel.publisher.now += away;
        channel.publisher.label = "again-";
        channel.start();
        channel.publisher.run(10 * kSecond);
        INFO("away " << away / kMs << " ms");
        CHECK(channel.out.disorder().empty());
        CHECK(channel.out.border_trouble().empty());
        CHECK(channel.out.track_ids() == std::set<int>{0, 1});
        CHECK(channel.out.count(Kind::kTrack) == 2);
        CHECK(channel.out.count(Kind::kBorder) == (away > 70 * kMs ? 1 : 0));
        const std::int64_t gap = channel.out.time_of("again-v0") - channel.out.units(0)[299].pts;
        CHECK(std::abs(gap - away - 33 * kMs) < 25 * kMs);
        CHECK(std::abs(sync_error(channel.out, channel.publisher)) < 5 * kMs);
        CHECK(std::abs(channel.length_error()) < 60 * kMs);
        CHECK(channel.date_error() < 60 * kMs);
        CHECK(channel.repair.counters().sessions == 2);
    }
}

TEST_CASE("a half-open old connection writes nothing beside the new publisher") {
    Channel channel;
    channel.start();
    channel.publisher.run(5 * kSecond);
    Publisher fresh{channel.repair, channel.out};
    fresh.now = channel.publisher.now;
    fresh.label = "new-";
    fresh.begin();
    fresh.headers();
    channel.publisher.label = "old-";
    for (int i = 0; i < 50; ++i) {
        fresh.run(100 * kMs);
        channel.publisher.run(100 * kMs);
        channel.publisher.headers();
    }
    CHECK(channel.out.disorder().empty());
    for (const auto& event : channel.out.events) CHECK(event.what.rfind("old-", 0) != 0);
    CHECK(channel.repair.counters().stale_units > 200);
    CHECK(channel.out.longest_step(0) < 50 * kMs);
    CHECK(std::abs(sync_error(channel.out, fresh)) < 5 * kMs);
}

TEST_CASE("times that jump ahead by 1000 s go on without a break") {
    Channel channel;
    const auto jump = [](std::int64_t t) { return t < 10 * kSecond ? t : t + 1000 * kSecond; };
    channel.publisher.video_ts = channel.publisher.audio_ts = jump;
    channel.start();
    channel.publisher.run(20 * kSecond);
    channel.check_seamless();
    CHECK(channel.repair.counters().jumps_forward == 1);
}

TEST_CASE("times that go back to zero go on without a break") {
    Channel channel;
    const auto reset = [](std::int64_t t) { return t < 10 * kSecond ? t : t - 10 * kSecond; };
    channel.publisher.video_ts = channel.publisher.audio_ts = reset;
    channel.start();
    channel.publisher.run(20 * kSecond);
    channel.check_seamless();
    CHECK(channel.repair.counters().jumps_back == 1);
}

TEST_CASE("a hole in the times alone is closed up") {
    Channel channel;
    const auto hole = [](std::int64_t t) { return t < 10 * kSecond ? t : t + 5 * kSecond; };
    channel.publisher.video_ts = channel.publisher.audio_ts = hole;
    channel.start();
    channel.publisher.run(20 * kSecond);
    channel.check_seamless();
    CHECK(channel.repair.counters().holes_closed == 1);
    CHECK(channel.repair.counters().gaps_kept == 0);
}

TEST_CASE("a hole in times and arrival is kept and marked once") {
    Channel channel;
    channel.start();
    channel.publisher.run(10 * kSecond);
    channel.publisher.pause(5 * kSecond);
    channel.publisher.run(10 * kSecond);
    CHECK(channel.out.disorder().empty());
    CHECK(channel.out.border_trouble().empty());
    CHECK(channel.out.count(Kind::kBorder) == 1);
    CHECK(channel.repair.counters().gaps_kept == 1);
    CHECK(channel.repair.counters().holes_closed == 0);
    CHECK(std::abs(channel.length_error()) < 60 * kMs);
}

TEST_CASE("sound 30 s ahead of the pictures is brought to them") {
    for (const std::int64_t ahead : {30 * kSecond, -30 * kSecond}) {
        Channel channel;
        channel.publisher.video_ts = [](std::int64_t t) { return t + 60 * kSecond; };
        channel.publisher.audio_ts = [=](std::int64_t t) { return t + 60 * kSecond + ahead; };
        channel.start();
        channel.publisher.run(20 * kSecond);
        channel.check_seamless(40 * kMs);
        CHECK(channel.repair.counters().tracks_realigned == 1);
    }
}

TEST_CASE("the 32-bit and 33-bit clocks wrap without a trace") {
    for (const ingest::LiveClock clock :
         {ingest::LiveClock{1000, 32}, ingest::LiveClock{90000, 33}}) {
        Channel channel;
        channel.publisher.clock = clock;
        const std::int64_t wrap = (std::int64_t{1} << clock.wrap_bits) / clock.timescale * kSecond;
        const auto late = [=](std::int64_t t) { return t + wrap - 10 * kSecond; };
        channel.publisher.video_ts = channel.publisher.audio_ts = late;
        channel.start();
        channel.publisher.run(20 * kSecond);
        channel.check_seamless();
        CHECK(channel.repair.counters().wraps == 1);
        CHECK(channel.repair.counters().jumps_back == 0);
    }
}

TEST_CASE("codec headers that repeat say nothing") {
    Channel channel;
    channel.start();
    for (int i = 0; i < 20; ++i) {
        channel.publisher.run(kSecond);
        channel.publisher.headers();
    }
    channel.check_seamless();
    CHECK(channel.out.count(Kind::kTrack) == 2);
    CHECK(channel.repair.counters().parameter_changes == 0);
}

TEST_CASE("another resolution and audio rate on one connection is one border in both tracks") {
    for (const bool audio_first : {false, true}) {
        Channel channel;
        channel.start();
        channel.publisher.run(10 * kSecond);
        channel.publisher.height = 480;
        channel.publisher.rate = 44100;
        channel.publisher.headers(!audio_first, audio_first);
        channel.publisher.headers();
        channel.publisher.run(10 * kSecond);
        CHECK(channel.out.disorder().empty());
        CHECK(channel.out.border_trouble().empty());
        CHECK(channel.out.count(Kind::kBorder) == 1);
        CHECK(channel.repair.counters().parameter_changes == 1);
        REQUIRE(channel.out.count(Kind::kTrack) == 4);
        // New configurations lie behind the border, before the first units they are for.
        std::size_t border = 0;
        std::vector<unsigned> sizes;
        std::set<int> seen;
        for (std::size_t i = 0; i < channel.out.events.size(); ++i) {
            const auto& event = channel.out.events[i];
            if (event.kind == Kind::kBorder) border = i;
            if (border == 0) continue;
            if (event.kind == Kind::kTrack) {
                sizes.push_back(event.size);
                CHECK(seen.count(event.track) == 0);
            }
            if (event.kind == Kind::kUnit) seen.insert(event.track);
        }
        std::sort(sizes.begin(), sizes.end());
        CHECK(sizes == std::vector<unsigned>{480, 44100});
        CHECK(channel.out.longest_step(0) < 40 * kMs);
        CHECK(channel.out.longest_step(1) < 50 * kMs);
        CHECK(std::abs(sync_error(channel.out, channel.publisher)) < 5 * kMs);
    }
}

TEST_CASE("another resolution after a reconnect is a border with the new configuration behind it") {
    Channel channel;
    channel.start();
    channel.publisher.run(10 * kSecond);
    channel.publisher.now += 200 * kMs;
    channel.publisher.height = 480;
    channel.start();
    channel.publisher.run(10 * kSecond);
    CHECK(channel.out.disorder().empty());
    CHECK(channel.out.border_trouble().empty());
    REQUIRE(channel.out.count(Kind::kBorder) == 1);
    const auto border = std::find_if(channel.out.events.begin(),
                                     channel.out.events.end(),
                                     [](const auto& e) { return e.kind == Kind::kBorder; });
    CHECK(border->reason == ingest::TimelineDiscontinuity::Reason::kParameters);
    CHECK((border + 1)->kind == Kind::kTrack);
    CHECK((border + 1)->size == 480);
    CHECK(channel.out.track_ids() == std::set<int>{0, 1});
}

TEST_CASE("sound alone flows at once though pictures were promised") {
    Channel channel;
    channel.publisher.video = false;
    channel.start();
    channel.publisher.run(12 * kSecond);
    CHECK(channel.out.disorder().empty());
    CHECK(channel.out.units(1).size() == static_cast<std::size_t>(channel.publisher.frames));
    for (const auto& unit : channel.out.units(1)) {
        CHECK(unit.arrival - kSecond == Approx(unit.dts - TimelineRepair::kOriginNs).margin(2e6));
    }
    // The pictures are given up after half a second.
    REQUIRE(channel.out.count(Kind::kEnd) == 1);
    for (const auto& event : channel.out.events) {
        if (event.kind == Kind::kEnd) {
            CHECK(event.track == 0);
            CHECK(event.arrival < kSecond + 600 * kMs);
        }
    }
    CHECK(channel.repair.counters().tracks_silent == 1);
}
