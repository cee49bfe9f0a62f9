#include <chrono>
#include <csignal>
#include <string>

#include <poll.h>
#include <unistd.h>

#include <sys/syscall.h>

#include <support/substring.hpp>

#include "task_harness.hpp"

using namespace sg;
using namespace sg::process;
using namespace sg::process::test;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("a crash names the signal and the task's last words") {
    const Outcome outcome = run_one(child_task("chunk-7", "abort"));
    REQUIRE_FALSE(outcome.result);
    CHECK(outcome.result.error().code == Errc::kCrashed);
    CHECK(outcome.result.error().message ==
          "task chunk-7 was killed by SIGABRT (aborted); its last words: first line | assertion "
          "failed: cake");
    CHECK(outcome.log_tail == "first line\n\nassertion failed: cake\n");
}

TEST_CASE("an exit without a result is a crash even with code 0") {
    const Outcome outcome = run_one(child_task("t", "exit"));
    CHECK(outcome.result.error().code == Errc::kCrashed);
    CHECK(outcome.result.error().message == "task t exited with code 0 without a result");
}

TEST_CASE("a kill from elsewhere is told from our own") {
    Script script;
    script.add(child_task("t", "wait"));
    script.when_progress = [&](std::string_view id, std::string_view) {
        ::kill(script.pids.at(std::string(id)), SIGKILL);
    };
    run(script);
    CHECK(script.outcome("t").result.error().code == Errc::kCrashed);
    CHECK_THAT(script.outcome("t").result.error().message, ContainsSubstring("not by us"));
}

TEST_CASE("a task stopped from outside has not been cancelled by us") {
    Script script;
    script.add(child_task("t", "wait"));
    script.when_progress = [&](std::string_view id, std::string_view) {
        ::kill(script.pids.at(std::string(id)), SIGTERM);
    };
    run(script);
    CHECK(script.outcome("t").result.error().code == Errc::kCrashed);
}

TEST_CASE("a task that hangs is killed by the watchdog") {
    Task task = child_task("t", "hang");
    task.progress_timeout = std::chrono::milliseconds(200);
    const Outcome outcome = run_one(std::move(task));
    CHECK(outcome.result.error().code == Errc::kTimeout);
    CHECK_THAT(outcome.result.error().message, ContainsSubstring("no progress for 200 ms"));
}

TEST_CASE("a task over its memory limit is killed") {
    Task task = child_task("t", "memory");
    task.memory_limit_bytes = 400000000;
    SupervisorOptions options;
    options.memory_interval = std::chrono::milliseconds(10);
    const Outcome outcome = run_one(std::move(task), options);
    CHECK(outcome.result.error().code == Errc::kLimit);
    CHECK_THAT(outcome.result.error().message, ContainsSubstring("over its limit of 400 MB"));
    CHECK(outcome.usage.peak_pss_bytes > 400000000);
}

TEST_CASE("garbage gives one clear error and the end of the child") {
    const Outcome outcome = run_one(child_task("t", "", "garbage"));
    CHECK(outcome.result.error().code == Errc::kBadData);
    CHECK(outcome.result.error().message ==
          "task t broke the protocol and was stopped: the bytes are not a message");
}

TEST_CASE("a result followed by more messages is not trusted") {
    const Outcome outcome = run_one(child_task("t", "", "talk after result"));
    CHECK(outcome.result.error().code == Errc::kBadData);
}

TEST_CASE("a child that does not end after its result is killed, the result counts") {
    SupervisorOptions options;
    options.exit_grace = std::chrono::milliseconds(20);
    const Outcome outcome = run_one(child_task("t", "", "linger after result"), options);
    CHECK(outcome.result.value() == "done");
}

TEST_CASE("a child that closes its channel without a result is ended") {
    SupervisorOptions options;
    options.exit_grace = std::chrono::milliseconds(20);
    const Outcome outcome = run_one(child_task("t", "", "close channel"), options);
    CHECK(outcome.result.error().code == Errc::kCrashed);
}

TEST_CASE("children die when their parent is killed") {
    // This process supervises a middle process, which supervises a hanging grandchild.
    Script script;
    script.add(child_task("middle", "supervise"));
    UniqueFd grandchild;
    script.when_progress = [&](std::string_view id, std::string_view payload) {
        const int pid = std::stoi(std::string(payload));
        grandchild.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
        ::kill(script.pids.at(std::string(id)), SIGKILL);
    };
    run(script);
    CHECK(script.outcome("middle").result.error().code == Errc::kCrashed);
    REQUIRE(grandchild.valid());
    pollfd ended{grandchild.get(), POLLIN, 0};
    constexpr int kPatienceMs = 60000;
    CHECK(::poll(&ended, 1, kPatienceMs) == 1);
}
