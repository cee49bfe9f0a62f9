#include <chrono>
#include <stop_token>
#include <string>
#include <thread>

#include <support/catch.hpp>

#include "task_harness.hpp"

using namespace sg;
using namespace sg::process;
using namespace sg::process::test;

namespace {

constexpr std::chrono::minutes kLong{2};

}  // namespace

TEST_CASE("a cancelled run stops its tasks and starts no others") {
    Script script;
    std::stop_source stop;
    script.add(child_task("obeys", "wait"));
    script.add(child_task("deaf", "hang"));
    script.add(child_task("never", "echo x"));
    int ready = 0;
    script.when_progress = [&](std::string_view, std::string_view) {
        if (++ready == 2) stop.request_stop();
    };
    SupervisorOptions options;
    options.max_running = 2;
    options.cancel_grace = std::chrono::milliseconds(50);
    const auto report = run(script, options, stop.get_token());
    CHECK(report.cancelled);
    CHECK(script.outcome("obeys").result.error().code == Errc::kCancelled);
    CHECK(script.outcome("deaf").result.error().code == Errc::kCancelled);
    CHECK(script.outcomes.count("never") == 0);
}

TEST_CASE("a stop from another thread wakes the loop") {
    Script script;
    std::stop_source stop;
    std::thread other;
    script.add(child_task("t", "wait"));
    script.when_progress = [&](std::string_view, std::string_view) {
        other = std::thread([&] { stop.request_stop(); });
    };
    SupervisorOptions options;
    options.cancel_grace = kLong;
    const auto report = run(script, options, stop.get_token());
    other.join();
    CHECK(report.cancelled);
    CHECK(script.outcome("t").result.error().code == Errc::kCancelled);
}

TEST_CASE("a task that finishes within the grace is not lost") {
    Script script;
    std::stop_source stop;
    script.add(child_task("t", "finish when stopped"));
    script.when_progress = [&](std::string_view, std::string_view) { stop.request_stop(); };
    SupervisorOptions options;
    options.cancel_grace = kLong;
    const auto report = run(script, options, stop.get_token());
    CHECK(report.cancelled);
    CHECK(script.outcome("t").result.value() == "finished");
}

TEST_CASE("a run that is stopped before it starts does nothing") {
    Script script;
    std::stop_source stop;
    stop.request_stop();
    script.add(child_task("t", "echo x"));
    CHECK(run(script, {}, stop.get_token()).cancelled);
    CHECK(script.outcomes.empty());
}
