#include <csignal>
#include <utility>

#include <process/channel.hpp>
#include <process/child.hpp>
#include <process/signals.hpp>
#include <process/supervisor.hpp>
#include <support/catch.hpp>

using namespace sg;
using namespace sg::process;

namespace {

struct Signalled {
    Child child;
    Channel channel;
};

Signalled child_waiting_for_signals() {
    auto pair = std::move(Channel::make_pair({})).value();
    SpawnOptions options;
    options.executable = SG_TEST_CHILD;
    options.argv = {"test_child", "signals"};
    options.fds.push_back({std::move(pair.theirs), kTaskChannelFd});
    auto child = Child::spawn(std::move(options));
    REQUIRE(child);
    auto ready = pair.ours.receive();
    REQUIRE(ready);
    CHECK(ready->payload == "ready");
    return {std::move(*child), std::move(pair.ours)};
}

}  // namespace

TEST_CASE("a first signal requests a stop, a second ends the process with code 130") {
    const int first = GENERATE(SIGINT, SIGTERM, SIGHUP);
    auto signalled = child_waiting_for_signals();
    signalled.child.signal(first);
    CHECK(signalled.channel.receive().value().payload == std::to_string(first));
    CHECK_FALSE(signalled.child.try_wait().has_value());
    signalled.child.signal(SIGINT);
    CHECK(signalled.child.wait().status.describe() == "exited with code 130");
}

TEST_CASE("signals are as before when the watch ends") {
    sigset_t before;
    sigset_t after;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &before);
    {
        auto signals = StopSignals::install(StopSignals::Second::kExit, {SIGUSR1});
        REQUIRE(signals);
        CHECK((*signals)->received() == 0);
        CHECK_FALSE((*signals)->token().stop_requested());
    }
    ::pthread_sigmask(SIG_SETMASK, nullptr, &after);
    CHECK(::sigismember(&before, SIGUSR1) == ::sigismember(&after, SIGUSR1));
}
