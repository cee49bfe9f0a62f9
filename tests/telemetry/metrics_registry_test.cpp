#include <telemetry/metrics_registry.hpp>

#include <support/substring.hpp>

using Catch::Matchers::ContainsSubstring;
using sg::telemetry::MetricsRegistry;

TEST_CASE("counters, gauges and histograms appear in Prometheus' text format") {
    MetricsRegistry registry;
    const auto counter = registry.counter("sg_test_total", "Things.", {{"channel", "a\"b\n"}});
    const auto gauge = registry.gauge("sg_test_level", "Level.");
    const auto histogram = registry.histogram("sg_test_seconds", "Times.", {0.1, 1});
    counter.add(3);
    gauge.set(2.5);
    gauge.add(-1);
    histogram.observe(0.1);
    histogram.observe(0.5);
    histogram.observe(7);
    const auto text = registry.text();
    CHECK_THAT(
        text,
        ContainsSubstring("# TYPE sg_test_total counter\nsg_test_total{channel=\"a\\\"b\\n\"} 3"));
    CHECK_THAT(text, ContainsSubstring("sg_test_level 1.5"));
    CHECK_THAT(text, ContainsSubstring("sg_test_seconds_count 3"));
    CHECK_THAT(text, ContainsSubstring("sg_test_seconds_bucket{le=\"0.1"));
    CHECK_THAT(text, ContainsSubstring("sg_test_seconds_bucket{le=\"1\"} 2"));
    CHECK_THAT(text, ContainsSubstring("sg_test_seconds_bucket{le=\"+Inf\"} 3"));
    CHECK_THAT(text, ContainsSubstring("process_resident_memory_bytes "));
}

TEST_CASE("the same name and labels give the same series") {
    MetricsRegistry registry;
    const auto one = registry.counter("sg_test_total", "Things.", {{"a", "1"}});
    const auto two = registry.counter("sg_test_total", "Things.", {{"a", "1"}});
    one.add();
    two.add();
    CHECK_THAT(registry.text(), ContainsSubstring("sg_test_total{a=\"1\"} 2"));
}

TEST_CASE("a series goes with its last handle") {
    MetricsRegistry registry;
    {
        const auto counter = registry.counter("sg_test_total", "Things.");
        counter.add();
        CHECK_THAT(registry.text(), ContainsSubstring("sg_test_total 1"));
    }
    CHECK_THAT(registry.text(), !ContainsSubstring("sg_test_total"));
}

TEST_CASE("a name of another kind, or a bad one, gets a handle that counts into nothing") {
    MetricsRegistry registry;
    const auto counter = registry.counter("sg_test_total", "Things.");
    registry.gauge("sg_test_total", "Things.").set(5);
    registry.counter("bad name", "Things.").add();
    registry.counter("sg_ok_total", "Things.", {{"__reserved", "x"}}).add();
    const auto text = registry.text();
    CHECK_THAT(text, ContainsSubstring("sg_test_total 0"));
    CHECK_THAT(text, !ContainsSubstring("bad name"));
    CHECK_THAT(text, !ContainsSubstring("sg_ok_total"));
}

TEST_CASE("unconnected handles may be used") {
    sg::NullMetrics metrics;
    metrics.counter("a", "b", {}).add();
    metrics.gauge("a", "b", {}).set(1);
    metrics.histogram("a", "b", {1}, {}).observe(1);
    sg::Counter().add();
    SUCCEED();
}
