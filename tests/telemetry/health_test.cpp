#include <telemetry/health.hpp>

#include <support/catch.hpp>

TEST_CASE("health without conditions is ready") {
    const sg::telemetry::Health health;
    CHECK(health.report().ready);
}

TEST_CASE("health is not ready while one condition fails, and names it") {
    sg::telemetry::Health health;
    std::string wrong = "not listening";
    health.add("http", [] { return std::string(); });
    health.add("rtmp", [&] { return wrong; });
    auto report = health.report();
    CHECK_FALSE(report.ready);
    CHECK(report.text == "http ok\nrtmp failed: not listening\n");
    wrong.clear();
    report = health.report();
    CHECK(report.ready);
}
