#include <atomic>
#include <map>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <base/file.hpp>
#include <support/catch.hpp>
#include <support/temp_folder.hpp>

#include "task_harness.hpp"

using namespace sg;
using namespace sg::process;
using namespace sg::process::test;

TEST_CASE("a task's result comes back with what it consumed") {
    const Outcome outcome = run_one(child_task("t", "echo hello"));
    REQUIRE(outcome.result);
    CHECK(*outcome.result == "hello");
    CHECK(outcome.usage.peak_rss_bytes > 0);
}

TEST_CASE("requests and results may be larger than a socket buffer") {
    const std::string text(std::size_t{5} << 20, 'q');
    const Outcome echoed = run_one(child_task("t", "echo " + text));
    CHECK(echoed.result.value() == text);
    CHECK(run_one(child_task("t", "big")).result.value().size() == std::size_t{9} << 20);
}

TEST_CASE("a task's error comes back with its code, its text made harmless") {
    const Outcome outcome = run_one(child_task("t", "fail"));
    REQUIRE_FALSE(outcome.result);
    CHECK(outcome.result.error().code == Errc::kBadData);
    CHECK(outcome.result.error().message == "read film.mov:  [31mtruncated at 10");
}

TEST_CASE("an exception in a handler is an error, not a crash") {
    const Outcome outcome = run_one(child_task("t", "throw"));
    CHECK(outcome.result.error().code == Errc::kInternal);
    CHECK(outcome.result.error().message.find("thrown") != std::string::npos);
}

TEST_CASE("descriptors reach a task with its request") {
    const sg::test::TempFolder folder;
    Task task = child_task("t", "read fds");
    for (const std::string name : {"first", "second"}) {
        REQUIRE(write_file_atomic(folder / name, name, Durability::kNone));
        task.request_fds.push_back(std::move(open_file(folder / name, O_RDONLY)).value());
    }
    CHECK(run_one(std::move(task)).result.value() == "[first][second]");
}

TEST_CASE("a task that takes no slot runs beside those that do") {
    // Neither can end before both have started.
    int ends[2] = {-1, -1};
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    const UniqueFd read_end(ends[0]);
    const UniqueFd write_end(ends[1]);
    Script script;
    for (const bool takes_slot : {false, true}) {
        Task task = child_task(takes_slot ? "working" : "waiting", "byte");
        task.request_fds.emplace_back(::fcntl(read_end.get(), F_DUPFD_CLOEXEC, 3));
        task.takes_slot = takes_slot;
        script.add(std::move(task));
    }
    int ready = 0;
    script.when_progress = [&](std::string_view, std::string_view) {
        if (++ready != 2) return;
        REQUIRE(write_all(write_end.get(), std::as_bytes(std::span("12", 2)), "pipe"));
    };
    SupervisorOptions options;
    options.max_running = 1;
    run(script, options);
    CHECK(script.outcome("waiting").result.has_value());
    CHECK(script.outcome("working").result.has_value());
}

TEST_CASE("as many tasks as allowed run at once, and no more") {
    // No task can end before three have started.
    int ends[2] = {-1, -1};
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    const UniqueFd read_end(ends[0]);
    const UniqueFd write_end(ends[1]);
    Script script;
    for (int i = 0; i < 7; ++i) {
        Task task = child_task("t" + std::to_string(i), "byte");
        task.request_fds.emplace_back(::fcntl(read_end.get(), F_DUPFD_CLOEXEC, 3));
        script.add(std::move(task));
    }
    int ready = 0;
    script.when_progress = [&](std::string_view, std::string_view) {
        if (++ready != 3) return;
        REQUIRE(write_all(write_end.get(), std::as_bytes(std::span("1234567", 7)), "pipe"));
    };
    SupervisorOptions options;
    options.max_running = 3;
    run(script, options);
    CHECK(script.most_alive == 3);
    REQUIRE(script.outcomes.size() == 7);
    for (const auto& [id, outcome] : script.outcomes) CHECK(outcome.result.has_value());
}

TEST_CASE("a flood of messages is delivered whole and does not starve another task") {
    Script script;
    script.add(child_task("flood", "flood"));
    script.add(child_task("echo", "echo hello"));
    SupervisorOptions options;
    options.max_running = 2;
    run(script, options);
    CHECK(script.outcome("flood").result.value() == "flooded");
    CHECK(script.messages["flood"] == 20000);
    CHECK(script.outcome("echo").result.value() == "hello");
}

TEST_CASE("a source with nothing ready is asked again when woken") {
    class Later final : public TaskSource {
      public:
        std::optional<Task> next() override {
            ++asked;
            if (!ready.load() || given) return std::nullopt;
            given = true;
            return child_task("late", "echo late");
        }
        bool finished() const override { return given; }
        std::atomic<bool> ready = false;
        std::atomic<int> asked = 0;
        bool given = false;
    } source;
    auto supervisor = Supervisor::create({});
    REQUIRE(supervisor);
    std::thread other([&] {
        while (source.asked.load() == 0) std::this_thread::yield();
        source.ready = true;
        supervisor->wake();
    });
    Script observer;
    REQUIRE(supervisor->run(source, observer, {}));
    other.join();
    CHECK(observer.outcome("late").result.value() == "late");
}

TEST_CASE("memory of the children is sampled when asked for") {
    Script script;
    std::stop_source stop;
    script.add(child_task("t", "wait"));
    script.when_progress = [&](std::string_view, std::string_view) { stop.request_stop(); };
    SupervisorOptions options;
    options.sample_memory = true;
    const auto report = run(script, options, stop.get_token());
    CHECK(report.peak_pss_bytes > 0);
    CHECK(script.outcome("t").usage.peak_pss_bytes == report.peak_pss_bytes);
}

TEST_CASE("a task that cannot be started fails alone") {
    Script script;
    Task missing = child_task("missing", "echo x");
    missing.spawn.executable = "/nowhere/streamgate";
    Task clash = child_task("clash", "echo x");
    clash.spawn.fds.push_back(
        {std::move(open_file("/dev/null", O_RDONLY)).value(), kTaskChannelFd});
    script.add(std::move(missing));
    script.add(std::move(clash));
    script.add(child_task("good", "echo x"));
    run(script);
    CHECK(script.outcome("missing").result.error().code == Errc::kNotFound);
    CHECK(script.outcome("clash").result.error().code == Errc::kInvalidArgument);
    CHECK(script.outcome("good").result.has_value());
}
