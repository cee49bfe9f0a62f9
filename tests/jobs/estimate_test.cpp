#include <jobs/estimate.hpp>

#include <support/catch.hpp>

using namespace sg::jobs;

TEST_CASE("a job that has shown no speed ends when its plan says") {
    const auto left = time_left({40, 20, 80}, 0.5, 1);
    CHECK(left.seconds == 40);
    CHECK(left.low == 20);
    CHECK(left.high == 80);
}

TEST_CASE("a job that is well under way ends when its own speed says") {
    // A plan that is ten times too hopeful.
    const auto left = time_left({2, 1, 4}, 20, 50);
    CHECK(left.seconds == Approx(20));
    CHECK(left.low <= 20);
    CHECK(left.high >= 20);
}

TEST_CASE("in between both count, and the interval holds what its own speed says") {
    const auto left = time_left({2, 1, 4}, 2, 10);
    CHECK(left.seconds > 2);
    CHECK(left.seconds < 18);
    CHECK(left.low <= 18);
    CHECK(left.high >= 18);
}

TEST_CASE("what an earlier attempt has done says nothing of this one's speed") {
    CHECK(time_left({40, 20, 80}, 2, 71, 70).seconds == 40);
    const auto left = time_left({2, 1, 4}, 10, 60, 30);
    CHECK(left.seconds == Approx(10.0 * 40 / 30));
}
