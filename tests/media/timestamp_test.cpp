#include <cstdint>
#include <limits>
#include <random>

#include <media/timestamp.hpp>
#include <support/catch.hpp>

using namespace sg::media;

namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

}  // namespace

TEST_CASE("mul_div: rounds down, up and to the nearest on both sides of zero", "[media]") {
    CHECK(mul_div(7, 1, 2, Rounding::kDown) == 3);
    CHECK(mul_div(7, 1, 2, Rounding::kUp) == 4);
    CHECK(mul_div(7, 1, 2, Rounding::kNearest) == 4);
    CHECK(mul_div(-7, 1, 2, Rounding::kDown) == -4);
    CHECK(mul_div(-7, 1, 2, Rounding::kUp) == -3);
    CHECK(mul_div(-7, 1, 2, Rounding::kNearest) == -4);
    CHECK(mul_div(10, 1, 3, Rounding::kNearest) == 3);
    CHECK(mul_div(-10, 1, 3, Rounding::kNearest) == -3);
    CHECK(mul_div(-11, 1, 3, Rounding::kNearest) == -4);
    for (const auto rounding : {Rounding::kDown, Rounding::kUp, Rounding::kNearest}) {
        CHECK(mul_div(6, 4, 8, rounding) == 3);
        CHECK(mul_div(-6, 4, 8, rounding) == -3);
    }
}

TEST_CASE("mul_div: keeps the full product and saturates the quotient", "[media]") {
    CHECK(mul_div(kMost, kMost, kMost, Rounding::kDown) == kMost);
    CHECK(mul_div(kMost, 3, 4, Rounding::kDown) == 6917529027641081855);
    CHECK(mul_div(kMost, 2, 1, Rounding::kDown) == kMost);
    // The lowest value means "no time" and is never the result of arithmetic.
    CHECK(mul_div(-kMost, 2, 1, Rounding::kDown) == -kMost);
    CHECK(mul_div(std::numeric_limits<std::int64_t>::min(), kMost, 1, Rounding::kUp) == -kMost);
}

TEST_CASE("rescale: an hour in 90 kHz ticks is exact in every unit that divides it", "[media]") {
    const std::int64_t hour = 3600 * std::int64_t{90000};
    CHECK(rescale(hour, {1, 90000}, kNanoseconds, Rounding::kDown) ==
          3600 * std::int64_t{1'000'000'000});
    CHECK(rescale(hour, {1, 90000}, {1, 48000}, Rounding::kUp) == 3600 * std::int64_t{48000});
    CHECK(rescale(hour, {1, 90000}, {1001, 30000}, Rounding::kDown) == 107892);
}

TEST_CASE("rescale: no time stays no time", "[media]") {
    CHECK(rescale(kNoTime, {1, 90000}, kNanoseconds, Rounding::kNearest) == kNoTime);
}

TEST_CASE("rescale: saturates instead of overflowing", "[media]") {
    CHECK(rescale(kMost, {1, 1}, kNanoseconds, Rounding::kDown) == kMost);
    CHECK(rescale(-kMost, {1, 1}, kNanoseconds, Rounding::kDown) == -kMost);
}

TEST_CASE("rescale: absurd timebases are refused, not undefined", "[media]") {
    CHECK(rescale(5, {1, 0}, {0, 1}, Rounding::kDown) ==
          rescale(5, {1, 1}, {1, 1}, Rounding::kDown));
    CHECK(rescale(5, {kMost, 1}, {1, kMost}, Rounding::kDown) == 0);
}

TEST_CASE("rescale: there and back through nanoseconds is the identity for media timebases",
          "[media]") {
    std::mt19937_64 random(1);
    std::uniform_int_distribution<std::int64_t> ticks(-(std::int64_t{1} << 36),
                                                      std::int64_t{1} << 36);
    for (const auto timebase :
         {Timebase{1, 90000}, Timebase{1, 48000}, Timebase{1001, 30000}, Timebase{1, 1000}}) {
        for (int i = 0; i < 1000; ++i) {
            const auto tick = ticks(random);
            const auto ns = rescale(tick, timebase, kNanoseconds, Rounding::kNearest);
            REQUIRE(rescale(ns, kNanoseconds, timebase, Rounding::kNearest) == tick);
            const auto below = rescale(tick, timebase, kNanoseconds, Rounding::kDown);
            const auto above = rescale(tick, timebase, kNanoseconds, Rounding::kUp);
            REQUIRE((above == below || above == below + 1));
            REQUIRE((ns == below || ns == above));
        }
    }
}

TEST_CASE("rescale: times at the edge of 64 bits are as exact as those within", "[media]") {
    // 15 times so much does not fit, the quotient does.
    const std::int64_t tick = std::int64_t{1} << 60;
    for (const std::int64_t nudge : {-2, -1, 0, 1, 2}) {
        const std::int64_t n = tick + nudge;
        const Int128 wide = static_cast<Int128>(n) * 15;
        CHECK(rescale(n, {15, 1}, {16, 1}, Rounding::kDown) ==
              static_cast<std::int64_t>(wide / 16));
        CHECK(rescale(-n, {15, 1}, {16, 1}, Rounding::kUp) ==
              -static_cast<std::int64_t>(wide / 16));
        CHECK(rescale(n, {15, 1}, {16, 1}, Rounding::kNearest) ==
              static_cast<std::int64_t>((wide + 8) / 16));
        CHECK(rescale(-n, {15, 1}, {16, 1}, Rounding::kNearest) ==
              -static_cast<std::int64_t>((wide + 8) / 16));
    }
    std::mt19937_64 random(2);
    for (int i = 0; i < 2000; ++i) {
        const auto value = static_cast<std::int64_t>(random()) >> (random() % 60);
        if (value == kNoTime) continue;
        const Timebase from{1, 1 + static_cast<std::int64_t>(random() % 100'000)};
        const auto down = rescale(value, from, kNanoseconds, Rounding::kDown);
        if (down == kMost || down == -kMost) continue;
        const Int128 product = static_cast<Int128>(value) * 1'000'000'000;
        REQUIRE(static_cast<Int128>(down) * from.den <= product);
        REQUIRE(static_cast<Int128>(down + 1) * from.den > product);
    }
}
