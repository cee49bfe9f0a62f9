#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include <base/result.hpp>
#include <base/unique_fd.hpp>
#include <process/exit.hpp>
#include <process/log_tail.hpp>

namespace sg::process {

/// SVT-AV1 hangs with less.
inline constexpr std::uint64_t kMinAddressSpaceBytes = std::uint64_t{4} << 30;

/// 0 is no limit of ours. Lowered to the hard limit of this process where that is smaller.
struct ResourceLimits {
    std::uint64_t address_space_bytes = 0;  ///< RLIMIT_AS, at least kMinAddressSpaceBytes
    std::uint64_t file_size_bytes = 0;      ///< RLIMIT_FSIZE
};

struct InheritedFd {
    UniqueFd fd;
    int target = -1;  ///< its number in the child, from 3
};

struct SpawnOptions {
    std::vector<std::string> argv = {"streamgate", "task"};
    std::string executable = "/proc/self/exe";
    /// Set over this process's own variables.
    std::vector<std::pair<std::string, std::string>> environment;
    /// Every other descriptor is closed.
    std::vector<InheritedFd> fds;
    ResourceLimits limits;
    int niceness = 0;  ///< added to this process's own, not negative
};

/// One child process, leader of a process group of its own (so the terminal's Ctrl-C does not reach
/// it), without core dumps, standard input empty, standard output and error in our log tail.
/// It dies with the *thread* that spawned it (PR_SET_PDEATHSIG): spawn from one that stays.
/// Used by one thread. The destructor kills and reaps.
class Child {
  public:
    /// Returns when the new program runs; an Error names the step that failed.
    [[nodiscard]] static Result<Child> spawn(SpawnOptions options);

    ~Child();
    Child(Child&& other) noexcept;
    Child& operator=(Child&& other) noexcept;
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    [[nodiscard]] pid_t pid() const noexcept { return pid_; }
    /// Readable when the child has ended; -1 where the kernel has no pidfd.
    [[nodiscard]] int pid_fd() const noexcept { return pid_fd_.get(); }
    /// Readable when there is something for read_output(); -1 after its end.
    [[nodiscard]] int output_fd() const noexcept { return output_.get(); }

    /// Moves what is there now, up to a bound, into log(). Never blocks.
    void read_output();
    [[nodiscard]] LogTail& log() noexcept { return log_; }
    [[nodiscard]] const LogTail& log() const noexcept { return log_; }

    /// To the child and what it started; nothing once it is reaped.
    void signal(int number) const noexcept;
    /// Reaps when it has ended, killing what it left in its group. Never blocks.
    [[nodiscard]] std::optional<Exit> try_wait();
    /// Blocks; reads the output meanwhile.
    Exit wait();
    /// SIGTERM, then SIGKILL when that did not help within `grace`.
    Exit terminate(std::chrono::milliseconds grace);

  private:
    Child(pid_t pid, UniqueFd pid_fd, UniqueFd output);
    void wait_until(std::optional<std::chrono::steady_clock::time_point> deadline);

    pid_t pid_ = -1;
    UniqueFd pid_fd_;
    UniqueFd output_;
    LogTail log_;
    std::optional<Exit> exit_;
};

}  // namespace sg::process
