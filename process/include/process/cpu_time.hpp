#pragma once

#include <chrono>
#include <optional>

#include <sys/types.h>

namespace sg::process {

/// Processor time that all threads of a process have used. Nothing when it has ended.
[[nodiscard]] std::optional<std::chrono::nanoseconds> cpu_time(pid_t pid);

}  // namespace sg::process
