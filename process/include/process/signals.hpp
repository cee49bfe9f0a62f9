#pragma once

#include <atomic>
#include <csignal>
#include <memory>
#include <stop_token>
#include <thread>
#include <vector>

#include <base/result.hpp>
#include <process/waker.hpp>

namespace sg::process {

/// Exit code of a process interrupted twice, as shells give it for SIGINT.
inline constexpr int kInterruptedExitCode = 130;

/// Turns signals into a stop request, on a thread of its own.
/// Install before any other thread is started: it blocks the signals in the calling thread, and
/// threads inherit that. Signals that were ignored at the start (nohup) stay ignored. SIGPIPE and
/// SIGXFSZ are ignored from then on, so that a write fails with an error instead.
class StopSignals {
  public:
    enum class Second {
        kExit,    ///< a second signal ends the process at once; children die with it
        kIgnore,  ///< whoever sent it will use SIGKILL
    };

    [[nodiscard]] static Result<std::unique_ptr<StopSignals>> install(Second second,
                                                                      std::vector<int> signals = {
                                                                          SIGINT, SIGTERM, SIGHUP});

    ~StopSignals();
    StopSignals(const StopSignals&) = delete;
    StopSignals& operator=(const StopSignals&) = delete;

    [[nodiscard]] std::stop_token token() const { return source_.get_token(); }
    /// The first signal that came; 0 before.
    [[nodiscard]] int received() const noexcept { return received_.load(); }

  private:
    StopSignals(Second second, UniqueFd signal_fd, Waker waker, sigset_t before);
    void watch();

    Second second_;
    UniqueFd signal_fd_;
    Waker finish_;
    sigset_t before_;
    std::stop_source source_;
    std::atomic<int> received_ = 0;
    std::thread thread_;
};

}  // namespace sg::process
