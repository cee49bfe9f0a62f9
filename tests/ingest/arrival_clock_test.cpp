#include <chrono>
#include <random>

#include <ingest/arrival_clock.hpp>
#include <support/catch.hpp>

using namespace sg;
using namespace std::chrono_literals;
using ingest::ArrivalClock;

namespace {

const Clock::Wall kWall{std::chrono::hours(480'000)};
const Clock::Monotonic kSteady{1000s};

std::int64_t ns(std::chrono::nanoseconds time) {
    return time.count();
}

double off_ms(std::optional<Clock::Wall> date, Clock::Wall wanted) {
    REQUIRE(date);
    return std::chrono::duration<double, std::milli>(*date - wanted).count();
}

}  // namespace

TEST_CASE("dates follow the earliest arrivals, not the network's delays") {
    ArrivalClock clock(kWall, kSteady);
    CHECK_FALSE(clock.date_of(0));
    std::mt19937 random(1);
    for (auto media = 0ms; media < 5'300s; media += 20ms) {
        const std::chrono::milliseconds delay(media == 0ms ? 2'000 : random() % 400);
        clock.observe(ns(media), kSteady + media + 50ms + delay);
        if (media < 210s || media % 1s != 0ms) continue;
        const double off = std::abs(off_ms(clock.date_of(ns(media)), kWall + media + 50ms));
        CHECK(off < (media < 5'200s ? 1'010 : 15));
    }
}

TEST_CASE("from one segment to the next dates keep step with the media") {
    ArrivalClock clock(kWall, kSteady);
    std::mt19937 random(3);
    std::optional<Clock::Wall> last;
    for (auto media = 0ms; media < 60s; media += 20ms) {
        // A publisher's first pictures wait for its encoder; its network is busy now and then.
        const std::chrono::milliseconds delay(media < 1s ? 800 : random() % 60);
        clock.observe(ns(media), kSteady + media + delay);
        if (media % 2s != 0ms) continue;
        const auto date = clock.date_of(ns(media));
        REQUIRE(date);
        if (last) CHECK(std::abs(off_ms(date, *last + 2s)) < 1);
        last = date;
    }
}

TEST_CASE("what is little off leaves dates exactly as far apart as the media") {
    ArrivalClock clock(kWall, kSteady);
    std::mt19937 random(5);
    std::optional<Clock::Wall> first;
    for (auto media = 0ms; media < 300s; media += 20ms) {
        // The first key frame is large; the encoder's clock is 100 ppm slow.
        const std::chrono::microseconds delay(media < 1s ? 45'000 : random() % 20'000);
        clock.observe(ns(media), kSteady + media + delay + media / 10'000);
        if (media % 2s != 0ms) continue;
        const auto date = clock.date_of(ns(media));
        if (!first) first = date;
        CHECK(off_ms(date, *first + media) == 0);
    }
}

TEST_CASE("a step of the wall clock never shows in dates") {
    ArrivalClock clock(kWall, kSteady);
    for (auto media = 0s; media < 100s; media += 1s) {
        clock.observe(ns(media), kSteady + media);
        clock.observe_wall(kWall + media + (media > 50s ? 3600s : 0s), kSteady + media);
        CHECK(std::abs(off_ms(clock.date_of(ns(media)), kWall + media)) < 30);
    }
}

TEST_CASE("a wall clock that is put right by little is followed") {
    ArrivalClock clock(kWall, kSteady);
    for (auto media = 0s; media < 1000s; media += 1s) {
        clock.observe(ns(media), kSteady + media);
        clock.observe_wall(kWall + media + 200ms, kSteady + media);
    }
    CHECK(off_ms(clock.date_of(ns(1000s)), kWall + 1000s) == Approx(200).margin(1));
}

TEST_CASE("dates never go back, whatever arrives") {
    ArrivalClock clock(kWall, kSteady);
    std::mt19937 random(7);
    auto arrival = kSteady;
    std::int64_t media = 0;
    std::optional<Clock::Wall> last;
    for (int i = 0; i < 20'000; ++i) {
        arrival += std::chrono::milliseconds(random() % 60);
        media += ns(std::chrono::milliseconds(random() % 50));
        if (random() % 500 == 0) {
            media += ns(5s);
            clock.restart();
        }
        if (random() % 300 == 0) arrival += 4s;
        clock.observe(media, arrival);
        const auto date = clock.date_of(media);
        REQUIRE(date);
        if (last) REQUIRE(*date >= *last);
        last = date;
    }
}

TEST_CASE("a drifting sender's dates stay with arrival") {
    ArrivalClock clock(kWall, kSteady);
    for (std::int64_t i = 0; i < 36'000; ++i) {
        const auto arrival = i * 100ms;
        clock.observe(ns(arrival) / 10'000 * 10'001, kSteady + arrival);  // 100 ppm fast
    }
    const auto arrival = 35'999 * 100ms;
    CHECK(std::abs(off_ms(clock.date_of(ns(arrival) / 10'000 * 10'001), kWall + arrival)) < 52);
}

TEST_CASE("after a restart of the service dates go on from the last one told") {
    ArrivalClock clock(kWall, kSteady);
    clock.not_before(kWall + 10s);
    clock.observe(0, kSteady);
    CHECK(off_ms(clock.date_of(0), kWall + 10s) == Approx(0));
    // In step with the media, though the wall clock was set back in between.
    CHECK(off_ms(clock.date_of(ns(12s)), kWall + 22s) == Approx(0));
    CHECK(off_ms(clock.date_of(ns(11s)), kWall + 21s) == Approx(0));
    clock.observe_wall(kWall + 1000s, kSteady + 1000s);
    CHECK(off_ms(clock.date_of(ns(1000s)), kWall + 1010s - 500ms) == Approx(0));
}

TEST_CASE("arrival as measured follows any rate within seconds, and the wall clock at once") {
    ArrivalClock clock(kWall, kSteady);
    CHECK_FALSE(clock.arrival_of(0));
    for (auto media = 0ms; media <= 200s; media += 20ms)
        clock.observe(ns(media),
                      kSteady + media * 105 / 100 + (media % 100ms == 0ms ? 0ms : 300ms));
    // 5 % of at most ten seconds.
    CHECK(std::abs(off_ms(clock.arrival_of(ns(200s)), kWall + 210s)) < 550);
    CHECK(std::abs(off_ms(clock.date_of(ns(200s)), kWall + 210s)) > 5'000);
    const auto before = clock.arrival_of(ns(200s));
    clock.observe_wall(kWall + 210s + 3s, kSteady + 210s);
    REQUIRE(before);
    CHECK(off_ms(clock.arrival_of(ns(200s)), *before + 3s) == 0);
}
