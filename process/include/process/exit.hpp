#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace sg::process {

/// How a process ended.
struct ExitStatus {
    enum class Kind { kExited, kSignalled, kUnknown };

    Kind kind = Kind::kUnknown;
    int value = 0;  ///< exit code or signal number

    [[nodiscard]] bool success() const noexcept { return kind == Kind::kExited && value == 0; }
    /// "exited with code 3", "was killed by SIGSEGV (segmentation fault)"
    [[nodiscard]] std::string describe() const;
};

/// What a process consumed.
struct Usage {
    std::chrono::microseconds user_cpu{0};
    std::chrono::microseconds system_cpu{0};
    /// ru_maxrss: shared pages count in full, and it is never under the parent's size at the start
    /// (the kernel carries the mark over exec).
    std::uint64_t peak_rss_bytes = 0;
    /// Largest sampled proportional set size; 0 when not sampled.
    std::uint64_t peak_pss_bytes = 0;
};

struct Exit {
    ExitStatus status;
    Usage usage;
};

}  // namespace sg::process
