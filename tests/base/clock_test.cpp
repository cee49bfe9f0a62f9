#include <chrono>

#include <base/clock.hpp>
#include <base/log_pace.hpp>
#include <support/catch.hpp>

TEST_CASE("clock: RFC 3339 text in UTC with milliseconds", "[base]") {
    using std::chrono::milliseconds;
    CHECK(sg::rfc3339(sg::Clock::Wall(milliseconds(0))) == "1970-01-01T00:00:00.000Z");
    CHECK(sg::rfc3339(sg::Clock::Wall(milliseconds(951'782'399'999))) ==
          "2000-02-28T23:59:59.999Z");
    CHECK(sg::rfc3339(sg::Clock::Wall(milliseconds(951'782'400'001))) ==
          "2000-02-29T00:00:00.001Z");
}

TEST_CASE("clock: RFC 3339 text is read back, and only that", "[base]") {
    using std::chrono::milliseconds;
    const auto ms = [](const char* text) -> std::int64_t {
        const auto time = sg::parse_rfc3339(text);
        if (!time) return -1;
        return std::chrono::floor<milliseconds>(time->time_since_epoch()).count();
    };
    CHECK(ms("2000-02-29T00:00:00.001Z") == 951'782'400'001);
    CHECK(ms("2000-02-29t00:00:00z") == 951'782'400'000);
    CHECK(ms("2000-02-29T01:30:00.0019999999999999999+01:30") == 951'782'400'001);
    CHECK(ms("2000-02-28T23:00:00-01:00") == 951'782'400'000);
    CHECK(ms("2261-12-31T23:59:59.999Z") == 9'214'646'399'999);
    for (const char* const bad : {"",
                                  "2000-02-29",
                                  "2000-02-29T00:00:00",
                                  "2001-02-29T00:00:00Z",
                                  "2000-13-01T00:00:00Z",
                                  "2000-01-01T24:00:00Z",
                                  "2000-01-01T00:00:60Z",
                                  "2000-01-01T00:00:00.Z",
                                  "2000-01-01T00:00:00+0100",
                                  "2000-01-01T00:00:00+24:00",
                                  "2000-01-01T00:00:00Z ",
                                  " 2000-01-01T00:00:00Z",
                                  "1969-12-31T23:59:59Z",
                                  "2262-01-01T00:00:00Z",
                                  "2000-01-01 00:00:00Z",
                                  "\xff\xff\xff\xff-01-01T00:00:00Z"}) {
        INFO(bad);
        CHECK(ms(bad) == -1);
    }
}

TEST_CASE("a fault that lasts is due for the log at once, and then each minute with its count") {
    using namespace std::chrono_literals;
    sg::LogPace pace;
    const sg::Clock::Monotonic start{1h};
    CHECK(pace.due(start) == 1U);
    for (int i = 1; i < 600; ++i) CHECK_FALSE(pace.due(start + i * 100ms));
    CHECK(pace.due(start + 60s) == 600U);
    CHECK_FALSE(pace.due(start + 60100ms));
}
