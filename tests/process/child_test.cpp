#include <chrono>
#include <csignal>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <sys/resource.h>

#include <base/file.hpp>
#include <process/child.hpp>
#include <support/catch.hpp>
#include <support/temp_folder.hpp>

using namespace sg;
using namespace sg::process;

namespace {

constexpr std::chrono::minutes kLong{2};

SpawnOptions shell(const std::string& script) {
    SpawnOptions options;
    options.executable = "/bin/sh";
    options.argv = {"sh", "-c", script};
    return options;
}

struct Ended {
    Exit exit;
    std::string output;
};

Ended run(SpawnOptions options) {
    auto child = Child::spawn(std::move(options));
    REQUIRE(child);
    const Exit exit = child->wait();
    return {exit, std::string(child->log().text())};
}

UniqueFd file_with(const test::TempFolder& folder, const std::string& text) {
    const auto path = folder / text;
    REQUIRE(write_file_atomic(path, text, Durability::kNone));
    return std::move(open_file(path, O_RDONLY)).value();
}

/// Blocks until the child has printed something.
void wait_for_output(Child& child) {
    while (child.log().text().empty() && !child.try_wait()) child.read_output();
}

}  // namespace

TEST_CASE("an exit code and a signal are told apart and named") {
    CHECK(run(shell("exit 0")).exit.status.success());
    CHECK(run(shell("exit 3")).exit.status.describe() == "exited with code 3");
    const auto killed = run(shell("kill -SEGV $$")).exit.status;
    CHECK_FALSE(killed.success());
    CHECK(killed.describe() == "was killed by SIGSEGV (segmentation fault)");
}

TEST_CASE("standard output and error are kept, standard input is empty") {
    const auto ended = run(shell("echo out; echo err >&2; cat; echo end"));
    CHECK(ended.output == "out\nerr\nend\n");
}

TEST_CASE("output larger than a pipe does not stop a child") {
    const auto ended = run(shell("head -c 3000000 /dev/zero | tr '\\0' 'x'; echo; echo last"));
    CHECK(ended.exit.status.success());
    CHECK(ended.output.size() <= 16384);
    CHECK(ended.output.ends_with("\nlast\n"));
}

TEST_CASE("a program that is not there is an error that names it") {
    SpawnOptions options;
    options.executable = "/nowhere/streamgate";
    const auto child = Child::spawn(std::move(options));
    REQUIRE_FALSE(child);
    CHECK(child.error().code == Errc::kNotFound);
    CHECK(child.error().message == "start streamgate: execute it: no such file or directory");
}

TEST_CASE("options that cannot work are refused before a process exists") {
    SECTION("an address space that hangs encoders") {
        auto options = shell("exit 0");
        options.limits.address_space_bytes = kMinAddressSpaceBytes - 1;
        CHECK(Child::spawn(std::move(options)).error().code == Errc::kInvalidArgument);
    }
    SECTION("a descriptor over a standard stream") {
        auto options = shell("exit 0");
        options.fds.push_back({std::move(open_file("/dev/null", O_RDONLY)).value(), 2});
        CHECK(Child::spawn(std::move(options)).error().code == Errc::kInvalidArgument);
    }
    SECTION("a raised priority") {
        auto options = shell("exit 0");
        options.niceness = -1;
        CHECK(Child::spawn(std::move(options)).error().code == Errc::kInvalidArgument);
    }
}

TEST_CASE("environment additions replace variables of the same name") {
    ::setenv("SG_PROCESS_TEST", "old", 1);
    auto options = shell("echo $SG_PROCESS_TEST $SG_PROCESS_OTHER");
    options.environment = {{"SG_PROCESS_TEST", "new"}, {"SG_PROCESS_OTHER", "more"}};
    CHECK(run(std::move(options)).output == "new more\n");
    ::unsetenv("SG_PROCESS_TEST");
}

TEST_CASE("limits and niceness hold in the child") {
    const int mine = ::getpriority(PRIO_PROCESS, 0);
    auto options = shell("ulimit -c; ulimit -f; nice");
    options.limits.file_size_bytes = 1 << 20;
    options.niceness = 3;
    // dash counts blocks of 512 bytes, bash of 1024.
    const auto output = run(std::move(options)).output;
    const std::string nice = std::to_string(std::min(mine + 3, 19));
    CHECK((output == "0\n2048\n" + nice + "\n" || output == "0\n1024\n" + nice + "\n"));
}

TEST_CASE("descriptors take the numbers asked for, even when these cross, and no other is open") {
    const test::TempFolder folder;
    auto stray = file_with(folder, "stray");
    ::fcntl(stray.get(), F_SETFD, 0);
    auto a = file_with(folder, "a");
    auto b = file_with(folder, "b");
    const int number_of_a = a.get();
    const int number_of_b = b.get();
    REQUIRE(number_of_a < 10);
    REQUIRE(number_of_b < 10);
    const std::string at_a = std::to_string(number_of_a);
    const std::string at_b = std::to_string(number_of_b);
    const std::string at_stray = std::to_string(stray.get());
    auto options = shell("cat <&" + at_a + "; cat <&" + at_b + "; [ -e /proc/$$/fd/" + at_stray +
                         " ] && echo open || echo closed");
    options.fds.push_back({std::move(a), number_of_b});
    options.fds.push_back({std::move(b), number_of_a});
    CHECK(run(std::move(options)).output == "baclosed\n");
}

TEST_CASE("a child leads a process group of its own") {
    auto child = Child::spawn(shell("echo up; sleep 1000"));
    REQUIRE(child);
    wait_for_output(*child);
    CHECK(::getpgid(child->pid()) == child->pid());
    CHECK(::getpgid(child->pid()) != ::getpgrp());
}

TEST_CASE("a child that obeys SIGTERM is not killed") {
    auto child = Child::spawn(shell("trap 'exit 5' TERM; echo up; while :; do sleep 0.01; done"));
    REQUIRE(child);
    wait_for_output(*child);
    CHECK(child->terminate(kLong).status.describe() == "exited with code 5");
}

TEST_CASE("a child that ignores SIGTERM is killed after the grace") {
    auto child = Child::spawn(shell("trap '' TERM; echo up; while :; do sleep 0.01; done"));
    REQUIRE(child);
    wait_for_output(*child);
    CHECK(child->terminate(std::chrono::milliseconds(20)).status.describe() ==
          "was killed by SIGKILL (killed)");
}

TEST_CASE("signals that this process blocks or ignores are as usual in the child") {
    sigset_t blocked;
    sigset_t before;
    ::sigemptyset(&blocked);
    ::sigaddset(&blocked, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
    const auto old = std::signal(SIGPIPE, SIG_IGN);
    CHECK(run(shell("kill -TERM $$")).exit.status.value == SIGTERM);
    CHECK(run(shell("kill -PIPE $$")).exit.status.value == SIGPIPE);
    std::signal(SIGPIPE, old);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST_CASE("what a child leaves running in its group ends with it") {
    // The background process holds the output pipe: its end shows that the process is gone.
    auto child = Child::spawn(shell("sleep 1000 & echo started"));
    REQUIRE(child);
    CHECK(child->wait().status.success());
    while (child->output_fd() >= 0) child->read_output();
    CHECK(child->log().text() == "started\n");
}

TEST_CASE("processor time of a child is reported") {
    const auto usage = run(shell("i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done")).exit.usage;
    CHECK((usage.user_cpu + usage.system_cpu).count() > 0);
    CHECK(usage.peak_rss_bytes > 0);
}
