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
    for (auto media = 0ms; media < 120s; media += 20ms) {
        const std::chrono::milliseconds delay(media == 0ms ? 2'000 : random() % 400);
        clock.observe(ns(media), kSteady + media + 50ms + delay);
        if (media > 10s)
            CHECK(std::abs(off_ms(clock.date_of(ns(media)), kWall + media + 50ms)) <= 260);
    }
}

TEST_CASE("between two segments lies as much of the clock as of the media") {
    ArrivalClock clock(kWall, kSteady);
    std::mt19937 random(3);
    std::optional<Clock::Wall> last;
    // A publisher's first pictures wait for its encoder; its network is busy now and then.
    const auto late = GENERATE(200ms, 2'000ms);
    for (auto media = 0ms; media < 60s; media += 20ms) {
        const auto delay = media < 1s ? late : std::chrono::milliseconds(random() % 60);
        clock.observe(ns(media), kSteady + media + delay);
        if (media % 2s != 0ms) continue;
        const auto date = clock.date_of(ns(media));
        REQUIRE(date);
        if (last && (media > 2s || late < 250ms))
            CHECK(off_ms(date, *last + 2s) == Approx(0).margin(0.001));
        last = date;
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
    for (std::int64_t i = 0; i < 72'000; ++i) {
        const auto arrival = i * 100ms;
        const auto media = ns(arrival) / 10'000 * 10'001;  // 100 ppm fast
        clock.observe(media, kSteady + arrival);
        if (i % 100 == 0) CHECK(std::abs(off_ms(clock.date_of(media), kWall + arrival)) < 255);
    }
}

TEST_CASE("after a restart of the service dates go on from the last one told") {
    ArrivalClock clock(kWall, kSteady);
    clock.not_before(kWall + 10s);
    clock.observe(0, kSteady);
    CHECK(off_ms(clock.date_of(0), kWall + 10s) == Approx(0));
    CHECK(off_ms(clock.date_of(ns(12s)), kWall + 12s) == Approx(0));
}
