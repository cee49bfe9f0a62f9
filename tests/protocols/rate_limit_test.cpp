#include <protocols/rate_limit.hpp>
#include <support/catch.hpp>

using namespace sg::protocols;
using namespace std::chrono_literals;

TEST_CASE("a peer at its rate is never held back, also after a pause that it makes up for") {
    RateLimit limit(1'000'000);
    RateLimit::Time now{1000s};
    for (int i = 0; i < 1000; ++i, now += 100ms) CHECK(limit.add(100'000, now) == 0ns);
    now += 8s;
    CHECK(limit.add(8'000'000, now) == 0ns);
    for (int i = 0; i < 100; ++i, now += 100ms) CHECK(limit.add(100'000, now) == 0ns);
}

TEST_CASE("a peer above its rate is held back to it in the end") {
    RateLimit limit(1'000'000);
    const RateLimit::Time began{1000s};
    RateLimit::Time now = began;
    std::size_t sent = 0;
    while (now < began + 100s) {
        sent += 500'000;
        now += limit.add(500'000, now) + 10ms;
    }
    CHECK(sent > 100'000'000);
    CHECK(sent < 112'000'000);
}

TEST_CASE("without a rate nobody is held back") {
    RateLimit limit(0);
    CHECK(limit.add(std::size_t{1} << 40, RateLimit::Time{}) == 0ns);
}
