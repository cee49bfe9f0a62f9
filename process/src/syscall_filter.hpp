#pragma once

#include <base/result.hpp>

namespace sg::process {

struct SyscallRules {
    bool network = false;
    bool programs = false;
};

[[nodiscard]] bool kernel_filters_syscalls() noexcept;

/// For this thread and those it makes. Needs no_new_privs. What is not allowed fails with EPERM, or
/// with ENOSYS where the C library then uses an older call that is allowed; what nothing but an
/// attack would use ends the process with SIGSYS.
[[nodiscard]] Status enter_syscall_filter(const SyscallRules& rules);

}  // namespace sg::process
