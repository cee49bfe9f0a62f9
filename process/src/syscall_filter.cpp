#include "syscall_filter.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <sched.h>
#include <unistd.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <base/file.hpp>

namespace sg::process {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "no system call filter for this processor"
#endif

/// Those of the x32 interface, which would walk around the filter.
constexpr std::uint32_t kX32Bit = 0x40000000;

// The order of these is the order of the checks on kernels that do not remember their outcome.
constexpr auto kAllowed = std::to_array<std::uint32_t>({
    SYS_futex, SYS_read, SYS_write, SYS_pread64, SYS_pwrite64, SYS_readv, SYS_writev, SYS_preadv,
        SYS_pwritev, SYS_lseek, SYS_mmap, SYS_munmap, SYS_madvise, SYS_mprotect, SYS_mremap,
        SYS_brk, SYS_sched_yield, SYS_clock_gettime, SYS_clock_getres, SYS_clock_nanosleep,
        SYS_nanosleep, SYS_gettimeofday, SYS_ppoll, SYS_sendmsg, SYS_recvmsg, SYS_sendto,
        SYS_recvfrom, SYS_openat, SYS_close, SYS_close_range, SYS_fstat, SYS_newfstatat, SYS_statx,
        SYS_faccessat, SYS_readlinkat, SYS_getdents64, SYS_getcwd, SYS_chdir, SYS_fchdir,
        SYS_mkdirat, SYS_unlinkat, SYS_renameat2, SYS_linkat, SYS_fchmod, SYS_fchmodat, SYS_umask,
        SYS_ftruncate, SYS_fallocate, SYS_fadvise64, SYS_readahead, SYS_fsync, SYS_fdatasync,
        SYS_sync_file_range, SYS_statfs, SYS_fstatfs, SYS_utimensat, SYS_flock, SYS_copy_file_range,
        SYS_sendfile, SYS_splice, SYS_dup, SYS_dup3, SYS_fcntl, SYS_pipe2, SYS_memfd_create,
        SYS_eventfd2, SYS_signalfd4, SYS_timerfd_create, SYS_timerfd_settime, SYS_timerfd_gettime,
        SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait, SYS_pselect6, SYS_getsockopt,
        SYS_setsockopt, SYS_getsockname, SYS_getpeername, SYS_shutdown, SYS_rt_sigaction,
        SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_rt_sigtimedwait, SYS_sigaltstack,
        SYS_restart_syscall, SYS_exit, SYS_exit_group, SYS_set_robust_list, SYS_get_robust_list,
        SYS_set_tid_address, SYS_rseq, SYS_membarrier, SYS_getpid, SYS_getppid, SYS_gettid,
        SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_getpgid, SYS_getrusage, SYS_getrlimit,
        SYS_getrandom, SYS_getcpu, SYS_times, SYS_uname, SYS_sysinfo, SYS_sched_getaffinity,
        SYS_sched_setaffinity, SYS_sched_getparam, SYS_sched_getscheduler, SYS_sched_setscheduler,
        SYS_sched_get_priority_max, SYS_sched_get_priority_min, SYS_getpriority, SYS_setpriority,
        SYS_get_mempolicy, SYS_set_mempolicy, SYS_mbind, SYS_mlock, SYS_munlock, SYS_mincore,
        SYS_msync, SYS_capget,
#if defined(__x86_64__)
        // What newer processors' numbers have no name for.
        SYS_open, SYS_stat, SYS_lstat, SYS_access, SYS_readlink, SYS_mkdir, SYS_rmdir, SYS_unlink,
        SYS_rename, SYS_link, SYS_chmod, SYS_poll, SYS_select, SYS_pipe, SYS_dup2, SYS_epoll_wait,
        SYS_epoll_create, SYS_eventfd, SYS_time, SYS_arch_prctl, SYS_getpgrp, SYS_getdents,
#endif
        SYS_renameat, SYS_preadv2, SYS_pwritev2,
});

constexpr auto kNetwork = std::to_array<std::uint32_t>({SYS_socket,
                                                        SYS_connect,
                                                        SYS_bind,
                                                        SYS_listen,
                                                        SYS_accept,
                                                        SYS_accept4,
                                                        SYS_sendmmsg,
                                                        SYS_recvmmsg});

constexpr auto kPrograms = std::to_array<std::uint32_t>({
    SYS_execve, SYS_wait4, SYS_waitid, SYS_kill, SYS_setpgid, SYS_setsid, SYS_clone,
#if defined(__x86_64__)
        SYS_fork, SYS_vfork,
#endif
});

/// The C library falls back on these.
constexpr auto kUnknown = std::to_array<std::uint32_t>({SYS_clone3,
                                                        SYS_openat2,
                                                        SYS_faccessat2,
                                                        SYS_epoll_pwait2,
                                                        SYS_pidfd_open,
                                                        SYS_process_madvise});

constexpr auto kDeadly = std::to_array<std::uint32_t>({
    SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp, SYS_mount, SYS_umount2,
        SYS_pivot_root, SYS_chroot, SYS_move_mount, SYS_open_tree, SYS_fsopen, SYS_setns,
        SYS_unshare, SYS_bpf, SYS_keyctl, SYS_add_key, SYS_request_key, SYS_io_uring_setup,
        SYS_io_uring_enter, SYS_io_uring_register, SYS_userfaultfd, SYS_perf_event_open,
        SYS_open_by_handle_at, SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_kexec_load,
        SYS_reboot, SYS_swapon, SYS_swapoff, SYS_acct, SYS_settimeofday, SYS_clock_settime,
        SYS_sethostname, SYS_syslog, SYS_vhangup, SYS_nfsservctl, SYS_lookup_dcookie, SYS_quotactl,
        SYS_personality,
#if defined(__x86_64__)
        SYS_iopl, SYS_ioperm, SYS_modify_ldt, SYS_kexec_file_load,
#endif
});

// Arguments are 64 bits wide; of those looked at the kernel takes the low half only, which comes
// first on these processors.
constexpr std::uint32_t argument(std::size_t index) {
    return static_cast<std::uint32_t>(offsetof(seccomp_data, args) + index * 8);
}

class Program {
  public:
    void load(std::size_t offset) {
        add(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset), 0, 0);
    }
    void answer(std::uint32_t action) { add(BPF_RET | BPF_K, action, 0, 0); }
    void when_equal(std::uint32_t value, std::uint32_t action) {
        add(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
        answer(action);
    }
    void unless_equal(std::uint32_t value, std::uint32_t action) {
        add(BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0);
        answer(action);
    }
    void when_at_least(std::uint32_t value, std::uint32_t action) {
        add(BPF_JMP | BPF_JGE | BPF_K, value, 0, 1);
        answer(action);
    }
    void each(std::span<const std::uint32_t> calls, std::uint32_t action) {
        for (const auto call : calls) when_equal(call, action);
    }
    /// `call` only with one of `values` as this argument; else the default answer.
    void when_argument(std::uint32_t call,
                       std::size_t index,
                       std::span<const std::uint32_t> values) {
        // Past the load, the checks and the answer.
        add(BPF_JMP | BPF_JEQ | BPF_K, call, 0, static_cast<std::uint8_t>(values.size() * 2 + 2));
        load(argument(index));
        for (const auto value : values) when_equal(value, SECCOMP_RET_ALLOW);
        answer(kRefused);
    }
    /// `call` only with one of `bits` set in its first argument.
    void when_bits(std::uint32_t call, std::uint32_t bits) {
        add(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 4);
        load(argument(0));
        add(BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1);
        answer(SECCOMP_RET_ALLOW);
        answer(kRefused);
    }
    /// `call` unless this argument is `value`.
    void unless_argument(std::uint32_t call, std::size_t index, std::uint32_t value) {
        add(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 4);
        load(argument(index));
        when_equal(value, kRefused);
        answer(SECCOMP_RET_ALLOW);
    }
    [[nodiscard]] std::span<sock_filter> code() { return code_; }

    static constexpr std::uint32_t kRefused = SECCOMP_RET_ERRNO | EPERM;

  private:
    void add(int code, std::uint32_t k, std::uint8_t yes, std::uint8_t no) {
        code_.push_back({static_cast<std::uint16_t>(code), yes, no, k});
    }
    std::vector<sock_filter> code_;
};

Program make_program(const SyscallRules& rules) {
    Program p;
    p.load(offsetof(seccomp_data, arch));
    // Any other interface, such as the 32-bit one, has other numbers.
    p.unless_equal(kArchitecture, SECCOMP_RET_KILL_PROCESS);
    p.load(offsetof(seccomp_data, nr));
    if (kArchitecture == AUDIT_ARCH_X86_64) p.when_at_least(kX32Bit, SECCOMP_RET_KILL_PROCESS);
    p.each(kAllowed, SECCOMP_RET_ALLOW);
    if (rules.network) p.each(kNetwork, SECCOMP_RET_ALLOW);
    if (rules.programs) p.each(kPrograms, SECCOMP_RET_ALLOW);
    p.each(kUnknown, SECCOMP_RET_ERRNO | ENOSYS);
    p.each(kDeadly, SECCOMP_RET_KILL_PROCESS);
    // Threads, no processes.
    if (!rules.programs) p.when_bits(SYS_clone, CLONE_THREAD);
    const std::array<std::uint32_t, 1> self{static_cast<std::uint32_t>(::getpid())};
    p.when_argument(SYS_tgkill, 0, self);
    if (!rules.programs) p.when_argument(SYS_kill, 0, self);
    const std::array<std::uint32_t, 1> local{AF_UNIX};
    p.when_argument(SYS_socketpair, 0, local);
    p.unless_argument(SYS_ioctl, 1, TIOCSTI);
    const std::array<std::uint32_t, 4> names{
        PR_SET_NAME, PR_GET_NAME, PR_GET_DUMPABLE, 0x53564d41 /* PR_SET_VMA */};
    p.when_argument(SYS_prctl, 0, names);
    // Only reading; a process without privileges cannot raise its own.
    const std::array<std::uint32_t, 2> own{0, self[0]};
    p.when_argument(SYS_prlimit64, 0, own);
    // The C library tries new calls first, and falls back on older ones when there are none.
    p.when_at_least(SYS_futex_waitv, SECCOMP_RET_ERRNO | ENOSYS);
    p.answer(Program::kRefused);
    return p;
}

}  // namespace

bool kernel_filters_syscalls() noexcept {
    const std::uint32_t action = SECCOMP_RET_KILL_PROCESS;
    return ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

Status enter_syscall_filter(const SyscallRules& rules) {
    auto program = make_program(rules);
    const auto code = program.code();
    const sock_fprog filter{static_cast<unsigned short>(code.size()), code.data()};
    if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) != 0)
        return errno_error(errno, "set the sandbox's system call filter");
    return {};
}

}  // namespace sg::process
