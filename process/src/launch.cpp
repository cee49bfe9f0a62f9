#include "launch.hpp"

#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <unistd.h>

#include <linux/close_range.h>
#include <sys/prctl.h>

namespace sg::process {
namespace {

constexpr int kFirstFd = 3;
constexpr int kSpawnFailed = 127;

[[noreturn]] void give_up(const LaunchPlan& plan, LaunchStep step, int error) noexcept {
    const LaunchFailure failure{step, error};
    [[maybe_unused]] const auto ignored = ::write(plan.report, &failure, sizeof failure);
    ::_exit(kSpawnFailed);
}

void close_all_on_exec() noexcept {
    if (::close_range(kFirstFd, ~0U, CLOSE_RANGE_CLOEXEC) == 0) return;
    // A kernel before 5.11, or a container's filter.
    rlimit limit{};
    constexpr rlim_t kMost = 65536;
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > kMost) limit.rlim_cur = kMost;
    for (int fd = kFirstFd; fd < static_cast<int>(limit.rlim_cur); ++fd) {
        ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
}

void default_signals() noexcept {
    struct sigaction action {};
    action.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; ++number) ::sigaction(number, &action, nullptr);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

}  // namespace

const char* launch_step_name(LaunchStep step) noexcept {
    switch (step) {
        case LaunchStep::kParentGone:
            return "bind it to this process";
        case LaunchStep::kProcessGroup:
            return "make its process group";
        case LaunchStep::kStandardStreams:
            return "set its standard streams";
        case LaunchStep::kDescriptors:
            return "pass its file descriptors";
        case LaunchStep::kLimits:
            return "set its resource limits";
        case LaunchStep::kNice:
            return "set its niceness";
        case LaunchStep::kExec:
            return "execute it";
    }
    return "prepare it";
}

void become(const LaunchPlan& plan) noexcept {
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) give_up(plan, LaunchStep::kParentGone, errno);
    // The parent may have died before prctl: then nothing would ever kill us.
    if (::getppid() != plan.parent) ::_exit(kSpawnFailed);
    if (::setpgid(0, 0) != 0) give_up(plan, LaunchStep::kProcessGroup, errno);
    default_signals();
    if (::dup2(plan.input, STDIN_FILENO) < 0 || ::dup2(plan.output, STDOUT_FILENO) < 0 ||
        ::dup2(plan.output, STDERR_FILENO) < 0) {
        give_up(plan, LaunchStep::kStandardStreams, errno);
    }
    close_all_on_exec();
    for (const auto& [source, target] : plan.fds) {
        if (::dup2(source, target) < 0) give_up(plan, LaunchStep::kDescriptors, errno);
    }
    for (const auto& [resource, limit] : plan.limits) {
        if (::setrlimit(resource, &limit) != 0) {
            give_up(plan, LaunchStep::kLimits, errno);
        }
    }
    if (plan.niceness > 0) {
        errno = 0;
        if (::nice(plan.niceness) == -1 && errno != 0) give_up(plan, LaunchStep::kNice, errno);
    }
    ::execve(plan.executable, plan.argv, plan.environment);
    give_up(plan, LaunchStep::kExec, errno);
}

}  // namespace sg::process
