#pragma once

#include <span>
#include <utility>

#include <sys/resource.h>
#include <sys/types.h>

namespace sg::process {

/// All that the new process needs, prepared before the fork: after it only async-signal-safe calls
/// are allowed, so nothing here may allocate.
struct LaunchPlan {
    const char* executable = nullptr;
    char* const* argv = nullptr;
    char* const* environment = nullptr;
    int input = -1;
    int output = -1;
    std::span<const std::pair<int, int>> fds;  ///< source, target; sources above every target
    std::span<const std::pair<int, rlimit>> limits;
    int niceness = 0;
    int report = -1;  ///< takes a LaunchFailure
    pid_t parent = -1;
};

enum class LaunchStep : int {
    kParentGone,
    kProcessGroup,
    kStandardStreams,
    kDescriptors,
    kLimits,
    kNice,
    kExec,
};

struct LaunchFailure {
    LaunchStep step = LaunchStep::kExec;
    int error = 0;
};

[[nodiscard]] const char* launch_step_name(LaunchStep step) noexcept;

/// Runs in the forked process, with every signal blocked.
[[noreturn]] void become(const LaunchPlan& plan) noexcept;

}  // namespace sg::process
