#include <cstdint>
#include <limits>

#include <media/rational.hpp>
#include <support/catch.hpp>

using namespace sg::media;

TEST_CASE("rational: lowest terms with the sign above", "[media]") {
    CHECK(reduced({30000, 1001}) == Rational{30000, 1001});
    CHECK(reduced({50, 2}) == Rational{25, 1});
    CHECK(reduced({-50, 2}) == Rational{-25, 1});
    CHECK(reduced({50, -2}) == Rational{-25, 1});
    CHECK(reduced({0, 7}) == Rational{0, 1});
    CHECK(reduced({7, 0}) == Rational{0, 1});
}

TEST_CASE("rational: comparison is exact where doubles are equal", "[media]") {
    const auto most = std::numeric_limits<std::int64_t>::max();
    CHECK(compare({most, most - 1}, {most - 1, most - 2}) < 0);
    CHECK(compare({1, 3}, {2, 6}) == 0);
    CHECK(compare({-1, 3}, {-1, 2}) > 0);
}

TEST_CASE("rational: prints as a fraction", "[media]") {
    CHECK(to_string({30000, 1001}) == "30000/1001");
}
