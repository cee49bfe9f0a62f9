#include <cerrno>
#include <utility>

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <sys/signalfd.h>

#include <base/file.hpp>
#include <process/signals.hpp>

namespace sg::process {
namespace {

bool is_ignored(int number) {
    struct sigaction action {};
    return ::sigaction(number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

void set_handler(int number, void (*handler)(int)) {
    struct sigaction action {};
    action.sa_handler = handler;
    ::sigaction(number, &action, nullptr);
}

}  // namespace

Result<std::unique_ptr<StopSignals>> StopSignals::install(Second second, std::vector<int> signals) {
    set_handler(SIGPIPE, SIG_IGN);
    set_handler(SIGXFSZ, SIG_IGN);
    // If a launcher left it ignored, children would vanish without a status.
    set_handler(SIGCHLD, SIG_DFL);

    sigset_t wanted;
    ::sigemptyset(&wanted);
    for (const int number : signals) {
        // A blocked signal reaches a signalfd even when it is ignored.
        if (!is_ignored(number)) ::sigaddset(&wanted, number);
    }
    UniqueFd fd(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!fd.valid()) return errno_error(errno, "watch for signals");
    SG_TRY_ASSIGN(auto waker, Waker::create());
    sigset_t before;
    if (const int error = ::pthread_sigmask(SIG_BLOCK, &wanted, &before); error != 0) {
        return errno_error(error, "watch for signals");
    }
    return std::unique_ptr<StopSignals>(
        new StopSignals(second, std::move(fd), std::move(waker), before));
}

StopSignals::StopSignals(Second second, UniqueFd signal_fd, Waker waker, sigset_t before)
    : second_(second),
      signal_fd_(std::move(signal_fd)),
      finish_(std::move(waker)),
      before_(before),
      thread_([this] { watch(); }) {}

StopSignals::~StopSignals() {
    finish_.wake();
    thread_.join();
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void StopSignals::watch() {
    ::pthread_setname_np(::pthread_self(), "signals");
    for (;;) {
        pollfd polled[2] = {{signal_fd_.get(), POLLIN, 0}, {finish_.fd(), POLLIN, 0}};
        if (::poll(polled, 2, -1) < 0) continue;
        if (polled[1].revents != 0) return;
        signalfd_siginfo info{};
        if (::read(signal_fd_.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info)) {
            continue;
        }
        if (received_.load() != 0 && second_ == Second::kExit) ::_exit(kInterruptedExitCode);
        if (received_.load() == 0) received_.store(static_cast<int>(info.ssi_signo));
        source_.request_stop();
    }
}

}  // namespace sg::process
