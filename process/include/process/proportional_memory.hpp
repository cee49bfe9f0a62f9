#pragma once

#include <cstdint>
#include <optional>

#include <sys/types.h>

namespace sg::process {

/// Proportional set size in bytes (proc(5), /proc/pid/smaps_rollup); the resident size, which
/// counts shared pages in full, where the kernel does not tell. Nothing when the process has ended.
[[nodiscard]] std::optional<std::uint64_t> proportional_memory(pid_t pid);

}  // namespace sg::process
