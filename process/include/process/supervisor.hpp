#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include <base/result.hpp>
#include <base/unique_fd.hpp>
#include <process/child.hpp>
#include <process/waker.hpp>

namespace sg::process {

/// The task channel's number in a child.
inline constexpr int kTaskChannelFd = 3;

struct Task {
    std::string id;  ///< for errors and logs
    std::string request;
    std::vector<UniqueFd> request_fds;  ///< sent with the request, at most kMaxMessageFds
    SpawnOptions spawn;                 ///< targets of its descriptors from kTaskChannelFd + 1
    /// False for one that mostly waits: it runs beside max_running others.
    bool takes_slot = true;
    /// Killed when no message came for so long; 0: never.
    std::chrono::milliseconds progress_timeout{0};
    /// Killed when its proportional set size is larger; 0: no limit.
    std::uint64_t memory_limit_bytes = 0;
};

struct Outcome {
    std::string id;
    /// The result's payload, or what the task said went wrong, or kCrashed, kTimeout, kLimit,
    /// kCancelled, kBadData (it broke the protocol), or why it could not be started.
    Result<std::string> result;
    Usage usage;
    std::string log_tail;
    /// Somebody else ended it with a signal: a person, or the kernel for want of memory.
    bool from_outside = false;
    int signal = 0;  ///< that ended it without a result; 0: none
};

/// Called on run()'s thread.
class TaskSource {
  public:
    virtual ~TaskSource() = default;
    /// The next task to start; nothing when none is ready now. Asked again after each message and
    /// outcome and after Supervisor::wake().
    [[nodiscard]] virtual std::optional<Task> next() = 0;
    /// next() will never give a task again.
    [[nodiscard]] virtual bool finished() const = 0;
};

/// Called on run()'s thread; must not block for long, nor throw.
class TaskObserver {
  public:
    virtual ~TaskObserver() = default;
    virtual void on_started(std::string_view /*id*/, pid_t /*pid*/) {}
    virtual void on_progress(std::string_view id, std::string_view payload) = 0;
    /// Once for each task that next() gave, also when it could not be started.
    virtual void on_finished(Outcome outcome) = 0;
};

struct SupervisorOptions {
    std::size_t max_running = 1;
    /// From SIGTERM to SIGKILL when cancelled.
    std::chrono::milliseconds cancel_grace{1000};
    /// For a child to end after its result, or after it closed its channel.
    std::chrono::milliseconds exit_grace{5000};
    std::chrono::milliseconds memory_interval{1000};
    /// Sample memory for the report although no task has a limit.
    bool sample_memory = false;
};

struct SupervisorReport {
    bool cancelled = false;
    /// Largest sum over the children alive together, 0 when not sampled; this process not included.
    std::uint64_t peak_pss_bytes = 0;
};

/// Runs tasks in children, up to max_running at once (not counting those that take no slot: how
/// many of them is the source's concern), in one poll(2) loop on the caller's thread. Retries are
/// the caller's: a source may give a task again.
class Supervisor {
  public:
    [[nodiscard]] static Result<Supervisor> create(SupervisorOptions options);

    /// Until the source is finished, or stopped, and no child is left. An Error only when the loop
    /// itself cannot go on; the children are killed then.
    [[nodiscard]] Result<SupervisorReport> run(TaskSource& source,
                                               TaskObserver& observer,
                                               std::stop_token stop);

    /// Makes run() ask the source again. From any thread.
    void wake() const noexcept { waker_.wake(); }

  private:
    Supervisor(SupervisorOptions options, Waker waker)
        : options_(options), waker_(std::move(waker)) {}

    SupervisorOptions options_;
    Waker waker_;
};

}  // namespace sg::process
