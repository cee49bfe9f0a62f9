#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <string_view>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <fmt/format.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <base/file.hpp>
#include <process/child.hpp>

#include "launch.hpp"

namespace sg::process {
namespace {

using std::chrono::steady_clock;

/// Where pidfd_open is missing, the end of a child is looked for this often.
constexpr std::chrono::milliseconds kWaitWithoutPidfd{10};

struct Pipe {
    UniqueFd read;
    UniqueFd write;
};

Result<Pipe> make_pipe() {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) != 0) return errno_error(errno, "create a pipe");
    return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Status check(const SpawnOptions& options) {
    const auto refuse = [](std::string why) {
        return Error{Errc::kInvalidArgument, "start a child process: " + std::move(why)};
    };
    if (options.argv.empty()) return refuse("no arguments");
    if (options.niceness < 0) return refuse("niceness cannot be negative");
    const std::uint64_t space = options.limits.address_space_bytes;
    if (space != 0 && space < kMinAddressSpaceBytes) {
        return refuse(
            fmt::format("an address space of {} bytes is under the least that encoders work with, "
                        "{}; raise the limit",
                        space,
                        kMinAddressSpaceBytes));
    }
    for (const InheritedFd& one : options.fds) {
        if (!one.fd.valid() || one.target <= STDERR_FILENO) {
            return refuse(
                fmt::format("descriptor {} cannot be passed as {}", one.fd.get(), one.target));
        }
        const auto same = std::count_if(options.fds.begin(), options.fds.end(), [&](const auto& o) {
            return o.target == one.target;
        });
        if (same > 1) return refuse(fmt::format("two descriptors for number {}", one.target));
    }
    return {};
}

std::vector<std::string> merged_environment(const SpawnOptions& options) {
    std::vector<std::string> merged;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string_view text = *entry;
        const std::string_view name = text.substr(0, text.find('='));
        const bool replaced = std::any_of(options.environment.begin(),
                                          options.environment.end(),
                                          [&](const auto& o) { return o.first == name; });
        if (!replaced) merged.emplace_back(text);
    }
    for (const auto& [name, value] : options.environment) merged.push_back(name + "=" + value);
    return merged;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
    std::vector<char*> result;
    for (std::string& text : strings) result.push_back(text.data());
    result.push_back(nullptr);
    return result;
}

void add_limit(std::vector<std::pair<int, rlimit>>& limits, int resource, std::uint64_t value) {
    rlimit limit{};
    const bool known = ::getrlimit(resource, &limit) == 0;
    if (known && limit.rlim_max != RLIM_INFINITY)
        value = std::min<std::uint64_t>(value, limit.rlim_max);
    limits.emplace_back(resource, rlimit{value, value});
}

std::vector<std::pair<int, rlimit>> limits_of(const ResourceLimits& wanted) {
    std::vector<std::pair<int, rlimit>> limits;
    add_limit(limits, RLIMIT_CORE, 0);
    if (wanted.address_space_bytes != 0) add_limit(limits, RLIMIT_AS, wanted.address_space_bytes);
    if (wanted.file_size_bytes != 0) add_limit(limits, RLIMIT_FSIZE, wanted.file_size_bytes);
    return limits;
}

/// Nothing when the child's exec closed the pipe.
std::optional<LaunchFailure> read_failure(int fd) {
    LaunchFailure failure;
    ssize_t n = 0;
    do {
        n = ::read(fd, &failure, sizeof failure);
    } while (n < 0 && errno == EINTR);
    if (n == static_cast<ssize_t>(sizeof failure)) return failure;
    return std::nullopt;
}

/// By number: the C library of Debian 12 declares pidfd_open without C linkage.
UniqueFd open_pid_fd(pid_t pid) {
    return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

std::chrono::microseconds duration_of(const timeval& time) {
    return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
}

/// Forks with every signal blocked, so that no handler of ours runs in the copy.
pid_t fork_and_become(const LaunchPlan& plan) {
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    const pid_t pid = ::fork();
    if (pid == 0) become(plan);
    const int error = errno;
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    errno = error;
    return pid;
}

}  // namespace

Child::Child(pid_t pid, UniqueFd pid_fd, UniqueFd output)
    : pid_(pid), pid_fd_(std::move(pid_fd)), output_(std::move(output)) {}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pid_fd_(std::move(other.pid_fd_)),
      output_(std::move(other.output_)),
      log_(std::move(other.log_)),
      exit_(std::move(other.exit_)) {}

Child& Child::operator=(Child&& other) noexcept {
    std::swap(pid_, other.pid_);
    std::swap(pid_fd_, other.pid_fd_);
    std::swap(output_, other.output_);
    std::swap(log_, other.log_);
    std::swap(exit_, other.exit_);
    return *this;
}

Child::~Child() {
    if (pid_ <= 0 || exit_) return;
    signal(SIGKILL);
    wait();
}

Result<Child> Child::spawn(SpawnOptions options) {
    SG_TRY(check(options));
    const std::string attempted = "start " + options.argv.front();
    SG_TRY_ASSIGN(auto input, open_file("/dev/null", O_RDONLY));
    SG_TRY_ASSIGN(auto output, make_pipe());
    SG_TRY_ASSIGN(auto report, make_pipe());
    if (::fcntl(output.read.get(), F_SETFL, O_NONBLOCK) != 0) return errno_error(errno, attempted);

    // A source may have the number of another's target: copies above all targets cannot clash.
    int above = STDERR_FILENO + 1;
    for (const InheritedFd& one : options.fds) above = std::max(above, one.target + 1);
    std::vector<UniqueFd> copies;
    std::vector<std::pair<int, int>> fds;
    const auto copy_above = [&](int fd) {
        return copies.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, above)).get();
    };
    for (const InheritedFd& one : options.fds)
        fds.emplace_back(copy_above(one.fd.get()), one.target);
    LaunchPlan plan;
    plan.input = copy_above(input.get());
    plan.output = copy_above(output.write.get());
    plan.report = copy_above(report.write.get());
    for (const UniqueFd& copy : copies) {
        if (!copy.valid()) {
            return Error{Errc::kLimit,
                         attempted + ": out of file descriptors; raise the limit (ulimit -n)"};
        }
    }

    auto environment = merged_environment(options);
    const auto argv = pointers(options.argv);
    const auto envp = pointers(environment);
    const auto limits = limits_of(options.limits);
    plan.executable = options.executable.c_str();
    plan.argv = argv.data();
    plan.environment = envp.data();
    plan.fds = fds;
    plan.limits = limits;
    plan.niceness = options.niceness;
    plan.parent = ::getpid();
    const pid_t pid = fork_and_become(plan);
    if (pid < 0) return errno_error(errno, attempted);

    report.write.reset();
    copies.clear();
    Child child(pid, open_pid_fd(pid), std::move(output.read));
    if (const auto failure = read_failure(report.read.get())) {
        return errno_error(failure->error,
                           fmt::format("{}: {}", attempted, launch_step_name(failure->step)));
    }
    return child;
}

void Child::read_output() {
    constexpr int kMaxReads = 16;
    char buffer[4096];
    for (int i = 0; i < kMaxReads && output_.valid(); ++i) {
        const ssize_t n = ::read(output_.get(), buffer, sizeof buffer);
        if (n > 0) {
            log_.add({buffer, static_cast<std::size_t>(n)});
        } else if (n < 0 && errno == EAGAIN) {
            return;
        } else if (n == 0 || errno != EINTR) {
            log_.finish();
            output_.reset();
        }
    }
}

void Child::signal(int number) const noexcept {
    if (pid_ > 0 && !exit_) ::kill(-pid_, number);
}

std::optional<Exit> Child::try_wait() {
    if (exit_ || pid_ <= 0) return exit_;
    siginfo_t info{};
    const int seen = ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT);
    if (seen == 0 && info.si_pid == 0) return std::nullopt;
    if (seen != 0 && errno == EINTR) return std::nullopt;
    // While it is a zombie its number, and so its group's, cannot be another's.
    if (seen == 0) signal(SIGKILL);
    int status = 0;
    rusage used{};
    Exit exit;
    if (::wait4(pid_, &status, 0, &used) == pid_) {
        exit.status = WIFSIGNALED(status)
                          ? ExitStatus{ExitStatus::Kind::kSignalled, WTERMSIG(status)}
                          : ExitStatus{ExitStatus::Kind::kExited, WEXITSTATUS(status)};
        exit.usage.user_cpu = duration_of(used.ru_utime);
        exit.usage.system_cpu = duration_of(used.ru_stime);
        exit.usage.peak_rss_bytes = static_cast<std::uint64_t>(used.ru_maxrss) * 1024;
    }
    exit_ = exit;
    read_output();
    return exit_;
}

void Child::wait_until(std::optional<steady_clock::time_point> deadline) {
    while (pid_ > 0 && !try_wait()) {
        int timeout = -1;
        if (deadline) {
            const auto left =
                std::chrono::ceil<std::chrono::milliseconds>(*deadline - steady_clock::now());
            if (left.count() <= 0) return;
            timeout = static_cast<int>(std::min<std::int64_t>(left.count(), INT_MAX));
        }
        if (!pid_fd_.valid()) {
            const auto step = static_cast<int>(kWaitWithoutPidfd.count());
            timeout = timeout < 0 ? step : std::min(timeout, step);
        }
        pollfd polled[2] = {{pid_fd_.get(), POLLIN, 0}, {output_.get(), POLLIN, 0}};
        ::poll(polled, 2, timeout);
        if (polled[1].revents != 0) read_output();
    }
}

Exit Child::wait() {
    wait_until(std::nullopt);
    return exit_.value_or(Exit{});
}

Exit Child::terminate(std::chrono::milliseconds grace) {
    signal(SIGTERM);
    wait_until(steady_clock::now() + grace);
    signal(SIGKILL);
    return wait();
}

}  // namespace sg::process
