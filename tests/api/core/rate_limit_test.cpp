#include <api/rate_limit.hpp>

#include <support/catch.hpp>

#include "gate_server.hpp"

using namespace sg::api;
using namespace sg::api::test;
using Kind = RateLimits::Kind;

TEST_CASE("a bucket gives its burst at once, then its rate, and tells what is left") {
    ManualClock clock;
    RateLimits limits({{10, 5}, {0, 0}, {0, 0}}, clock);
    for (int i = 4; i >= 0; --i) {
        const auto verdict = limits.take(Kind::kKey, "a");
        CHECK(verdict.allowed);
        CHECK(verdict.policy == "\"key\";q=5;w=1");
        CHECK(verdict.state == "\"key\";r=" + std::to_string(i) + ";t=1");
    }
    auto verdict = limits.take(Kind::kKey, "a");
    CHECK_FALSE(verdict.allowed);
    CHECK(verdict.state == "\"key\";r=0;t=1");
    CHECK(verdict.retry_after.count() == 1);
    CHECK(limits.take(Kind::kKey, "b").allowed);
    clock.advance(std::chrono::milliseconds(100));
    CHECK(limits.take(Kind::kKey, "a").allowed);
    CHECK_FALSE(limits.take(Kind::kKey, "a").allowed);
    clock.advance(std::chrono::hours(1));
    for (int i = 0; i < 5; ++i) CHECK(limits.take(Kind::kKey, "a").allowed);
    CHECK_FALSE(limits.take(Kind::kKey, "a").allowed);
}

TEST_CASE("a slow bucket says how long to wait, and no limit says nothing") {
    ManualClock clock;
    RateLimits limits({{0, 0}, {0, 0}, {0.1, 1}}, clock);
    CHECK(limits.take(Kind::kFailure, "10.0.0.1").allowed);
    const auto verdict = limits.take(Kind::kFailure, "10.0.0.1");
    CHECK_FALSE(verdict.allowed);
    CHECK(verdict.retry_after.count() == 10);
    CHECK(limits.take(Kind::kFailure, "10.0.0.2").allowed);
    for (int i = 0; i < 1000; ++i) CHECK(limits.take(Kind::kKey, "a").policy.empty());
}

TEST_CASE("addresses of one IPv6 network share a bucket") {
    ManualClock clock;
    RateLimits limits({{0, 0}, {1, 1}, {0, 0}}, clock);
    CHECK(limits.take(Kind::kAddress, "2001:db8:0:1::1").allowed);
    CHECK_FALSE(limits.take(Kind::kAddress, "2001:db8:0:1:ffff::2").allowed);
    CHECK(limits.take(Kind::kAddress, "2001:db8:0:2::1").allowed);
}

TEST_CASE("who comes too often is told to wait; good keys are not hindered by bad ones") {
    GateSettings settings;
    settings.limits = {{0.001, 3}, {0, 0}, {0.001, 2}};
    GateServer server(settings);
    const auto admin = server.as(Role::kAdmin);
    for (int i = 0; i < 3; ++i) {
        const auto answer = server.ask("GET", "/v1/keys", admin);
        CHECK(answer.status == 200);
        CHECK(answer.fields.at("ratelimit-policy") == "\"key\";q=3;w=3000");
    }
    auto answer = server.ask("GET", "/v1/keys", admin);
    CHECK(answer.status == 429);
    CHECK(answer.fields.contains("retry-after"));
    CHECK(answer.body.find("\"retryable\":true") != std::string::npos);
    const auto bad = GateServer::bearer("sgk_nothing");
    CHECK(server.ask("GET", "/v1/keys", bad).status == 401);
    CHECK(server.ask("GET", "/v1/keys", bad).status == 401);
    CHECK(server.ask("GET", "/v1/keys", bad).status == 429);
    CHECK(server.ask("GET", "/v1/keys", server.as(Role::kAdmin, "other")).status == 200);
}
