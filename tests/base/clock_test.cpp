#include <chrono>

#include <base/clock.hpp>
#include <support/catch.hpp>

TEST_CASE("clock: RFC 3339 text in UTC with milliseconds", "[base]") {
    using std::chrono::milliseconds;
    CHECK(sg::rfc3339(sg::Clock::Wall(milliseconds(0))) == "1970-01-01T00:00:00.000Z");
    CHECK(sg::rfc3339(sg::Clock::Wall(milliseconds(951'782'399'999))) ==
          "2000-02-28T23:59:59.999Z");
    CHECK(sg::rfc3339(sg::Clock::Wall(milliseconds(951'782'400'001))) ==
          "2000-02-29T00:00:00.001Z");
}
