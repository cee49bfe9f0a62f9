#include <cmath>

#include <ingest/frame_rate.hpp>
#include <support/catch.hpp>

using sg::ingest::FrameRateMeter;
using sg::media::Rational;

namespace {

std::int64_t tick(std::int64_t n, Rational rate, std::int64_t per_second) {
    return std::llround(static_cast<double>(n) * static_cast<double>(rate.den) *
                        static_cast<double>(per_second) / static_cast<double>(rate.num));
}

FrameRateMeter::Verdict run(Rational rate, std::int64_t per_second, int frames) {
    FrameRateMeter meter({1, per_second}, {});
    for (int n = 0; n < frames; ++n) meter.add(tick(n, rate, per_second));
    return meter.verdict();
}

}  // namespace

TEST_CASE("standard rates are recognised through millisecond rounding") {
    for (const Rational rate : {Rational{24000, 1001},
                                Rational{24, 1},
                                Rational{25, 1},
                                Rational{30000, 1001},
                                Rational{30, 1},
                                Rational{50, 1},
                                Rational{60000, 1001},
                                Rational{60, 1},
                                Rational{25, 2}}) {
        const auto v = run(rate, 1000, 3000);
        CAPTURE(rate.num, rate.den, v.rate.num, v.rate.den);
        CHECK(v.constant);
        CHECK(v.rate == rate);
    }
}

TEST_CASE("rates over 100 a second need finer ticks and are exact there") {
    const auto v = run({120, 1}, 90'000, 500);
    CHECK(v.constant);
    CHECK(v.rate == Rational{120, 1});
}

TEST_CASE("a picture that is missing now and then leaves the rate constant") {
    FrameRateMeter meter({1, 90'000}, {});
    for (int n = 0; n < 500; ++n) {
        if (n == 100 || n == 300) continue;
        meter.add(n * 3600);
    }
    const auto v = meter.verdict();
    CHECK(v.constant);
    CHECK(v.rate == Rational{25, 1});
}

TEST_CASE("half the pictures of a 60 fps grid at random vary on that grid") {
    FrameRateMeter meter({1, 90'000}, {});
    unsigned state = 7;
    for (int n = 0; n < 600; ++n) {
        state = state * 1103515245 + 12345;
        if ((state >> 16) % 2 == 0) meter.add(n * 1500);
    }
    const auto v = meter.verdict();
    CHECK_FALSE(v.constant);
    CHECK(v.grid_rate == Rational{60, 1});
    CHECK(v.rate.as_double() == Approx(30).epsilon(0.2));
}

TEST_CASE("times without a grid vary") {
    FrameRateMeter meter({1, 90'000}, {});
    std::int64_t at = 0;
    unsigned state = 3;
    for (int n = 0; n < 400; ++n) {
        meter.add(at);
        state = state * 1103515245 + 12345;
        at += 2000 + (state >> 16) % 3000;
    }
    const auto v = meter.verdict();
    CHECK_FALSE(v.constant);
    CHECK(v.rate.positive());
}

TEST_CASE("an unusual but exact rate is kept as it is") {
    const auto v = run({17, 1}, 17'000, 200);
    CHECK(v.constant);
    CHECK(v.rate == Rational{17, 1});
}

TEST_CASE("the claimed average of a varying run is not taken for its rate") {
    FrameRateMeter meter({1, 90'000}, {Rational{24, 1}, Rational{2287, 100}});
    std::int64_t at = 0;
    for (int n = 0; n < 300; ++n) {
        meter.add(at);
        at += n % 3 == 0 ? 4500 : 3600;
    }
    CHECK_FALSE(meter.verdict().constant);
}

TEST_CASE("pictures with one and the same time are counted as duplicates") {
    FrameRateMeter meter({1, 1000}, {});
    for (const int t : {0, 40, 40, 80, 120}) meter.add(t);
    CHECK(meter.verdict().duplicates == 1);
    CHECK(meter.verdict().min_delta == 40);
}

TEST_CASE("one picture has no rate") {
    FrameRateMeter meter({1, 1000}, {});
    meter.add(5);
    CHECK_FALSE(meter.verdict().rate.positive());
    CHECK_FALSE(meter.verdict().constant);
}

TEST_CASE("a large fraction is brought to small parts close by") {
    const auto r = sg::ingest::simplest_near({1'000'000'007, 33'366'700}, 100'000);
    CHECK(r.num <= 100'000);
    CHECK(r.den <= 100'000);
    CHECK(r.as_double() == Approx(1'000'000'007.0 / 33'366'700.0).epsilon(1e-8));
    CHECK(sg::ingest::snap_rate({2997, 100}) == Rational{30000, 1001});
    CHECK(sg::ingest::snap_rate({271, 10}) == Rational{271, 10});
}
