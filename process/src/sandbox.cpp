#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <base/file.hpp>
#include <process/child.hpp>
#include <process/sandbox.hpp>

#include "landlock.hpp"
#include "privileges.hpp"
#include "syscall_filter.hpp"

namespace sg::process {
namespace {

namespace fs = std::filesystem;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitizers = true;
#else
constexpr bool kSanitizers = false;
#endif

/// Libraries that are loaded later, fonts and zones, and what encoders ask of the processor. Not
/// /proc/self as a whole: its environ and mem are nobody's business.
std::vector<fs::path> readable_by_all() {
    std::vector<fs::path> paths;
    for (const char* path : {"/usr",
                             "/lib",
                             "/lib64",
                             "/etc/ld.so.cache",
                             "/etc/fonts",
                             "/etc/localtime",
                             "/etc/timezone",
                             "/etc/ssl/openssl.cnf",
                             "/etc/gnutls",
                             "/var/cache/fontconfig",
                             "/proc/cpuinfo",
                             "/proc/meminfo",
                             "/proc/stat",
                             "/proc/self/stat",
                             "/proc/self/statm",
                             "/proc/self/status",
                             "/proc/self/smaps_rollup",
                             "/proc/self/maps",
                             "/proc/self/task",
                             "/proc/sys/vm/overcommit_memory",
                             "/sys/devices/system",
                             "/sys/kernel/mm"})
        paths.emplace_back(path);
    if (const char* folders = std::getenv("LD_LIBRARY_PATH")) {
        for (std::string_view left = folders; !left.empty();) {
            const auto end = std::min(left.find(':'), left.size());
            if (left.substr(0, end).starts_with('/')) paths.emplace_back(left.substr(0, end));
            left.remove_prefix(std::min(end + 1, left.size()));
        }
    }
    return paths;
}

Status lower(int resource, std::uint64_t wanted, const char* name) {
    if (wanted == 0) return {};
    rlimit limit{};
    if (::getrlimit(resource, &limit) != 0) return errno_error(errno, name);
    limit.rlim_max = std::min<rlim_t>(limit.rlim_max, wanted);
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(resource, &limit) != 0) return errno_error(errno, name);
    return {};
}

Status set_limits(const SandboxLimits& limits) {
    if (limits.address_space_bytes != 0 && limits.address_space_bytes < kMinAddressSpaceBytes)
        return Error{Errc::kInvalidArgument,
                     fmt::format("limit the address space to {} bytes: encoders hang under {}",
                                 limits.address_space_bytes,
                                 kMinAddressSpaceBytes)};
    SG_TRY(lower(RLIMIT_AS, limits.address_space_bytes, "limit the address space"));
    SG_TRY(lower(RLIMIT_CPU, limits.cpu_seconds, "limit the processor time"));
    SG_TRY(lower(RLIMIT_FSIZE, limits.file_bytes, "limit the size of files"));
    SG_TRY(lower(RLIMIT_NOFILE, limits.open_files, "limit the number of descriptors"));
    const rlimit none{0, 0};
    if (::setrlimit(RLIMIT_CORE, &none) != 0) return errno_error(errno, "turn off core dumps");
    return {};
}

/// The sandbox's user must be able to write there.
Status hand_over(const SandboxPolicy& policy) {
    if (!policy.user || ::geteuid() != 0) return {};
    for (const auto& folder : policy.write) {
        if (::chown(folder.c_str(), policy.user->uid, policy.user->gid) != 0 && errno != ENOENT)
            return errno_error(errno, "hand " + folder.string() + " to the worker's user");
    }
    return {};
}

std::string limits_text(const SandboxLimits& limits) {
    std::string text = "no core dumps";
    const auto add = [&text](std::uint64_t value, std::uint64_t unit, const char* what) {
        if (value != 0) text += fmt::format(", {} {}", value / unit, what);
    };
    constexpr std::uint64_t kGiga = std::uint64_t{1} << 30;
    add(limits.address_space_bytes, kGiga, "GiB of address space");
    add(limits.cpu_seconds, 1, "s of processor time");
    add(limits.file_bytes, kGiga, "GiB a file");
    add(limits.open_files, 1, "open files");
    return text;
}

SandboxReport::Measure user_measure(const SandboxPolicy& policy) {
    if (::geteuid() != 0)
        return {"user", true, fmt::format("runs as user {}, who is not root", ::geteuid())};
    if (policy.user) return {"user", true, fmt::format("root becomes user {}", policy.user->uid)};
    return {"user",
            false,
            "runs as root, with all but its file capabilities given up; start the service as a "
            "user of its own, or name one in worker.user"};
}

SandboxReport::Measure files_measure(int version) {
    if (version == 0)
        return {"files",
                false,
                "this kernel has no Landlock, or it is not turned on (Linux 5.13 or later with "
                "landlock among the lsm): tasks may open what their user may"};
    return {"files",
            true,
            fmt::format("Landlock version {}: libraries and inputs are read-only, only the task's "
                        "folder can be written",
                        version)};
}

SandboxReport::Measure network_measure(const SandboxPolicy& policy, int version, bool filters) {
    if (policy.network) return {"network", true, "needed by this task"};
    if (filters) return {"network", true, "no sockets"};
    if (version >= 4) return {"network", true, "no TCP (Landlock); UDP is not covered"};
    return {"network", false, "neither a system call filter nor Landlock version 4 is there"};
}

}  // namespace

bool SandboxReport::complete() const {
    return std::all_of(
        measures.begin(), measures.end(), [](const Measure& m) { return m.applied; });
}

SandboxReport look_at_sandbox(const SandboxPolicy& policy) {
    SandboxReport report;
    if (kSanitizers) {
        report.measures.push_back({"sandbox", false, "this build has sanitizers"});
        return report;
    }
    const int version = landlock_version();
    const bool filters = kernel_filters_syscalls();
    report.measures.push_back({"limits", true, limits_text(policy.limits)});
    report.measures.push_back(user_measure(policy));
    report.measures.push_back(files_measure(version));
    report.measures.push_back(network_measure(policy, version, filters));
    report.measures.push_back(
        {"system calls",
         filters,
         filters ? "only those that decoding and encoding need"
                 : "this kernel, or the container, has no system call filters (seccomp)"});
    return report;
}

Result<SandboxReport> enter_sandbox(const SandboxPolicy& policy) {
    auto report = look_at_sandbox(policy);
    if (kSanitizers) return report;
    LandlockFolders folders;
    folders.read = readable_by_all();
    folders.read.insert(folders.read.end(), policy.read.begin(), policy.read.end());
    folders.write = policy.write;
    folders.network = policy.network;
    folders.programs = policy.programs;
    SG_TRY_ASSIGN(const auto rules, make_landlock_rules(folders));
    SG_TRY(hand_over(policy));
    SG_TRY(set_limits(policy.limits));
    // Without Landlock root needs them to work at all; a user of its own does without.
    const bool see_all = rules.valid() || !policy.user;
    SG_TRY(give_up_privileges(policy.user, see_all));
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return errno_error(errno, "renounce new privileges");
    if (rules.valid()) SG_TRY(enter_landlock(rules.get()));
    if (kernel_filters_syscalls()) SG_TRY(enter_syscall_filter({policy.network, policy.programs}));
    return report;
}

}  // namespace sg::process
