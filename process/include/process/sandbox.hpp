#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include <base/result.hpp>

namespace sg::process {

/// Without supplementary groups.
struct SandboxUser {
    uid_t uid = 0;
    gid_t gid = 0;
};

/// 0 is no limit of ours. Never above the hard limit of this process.
struct SandboxLimits {
    std::uint64_t address_space_bytes = 0;  ///< RLIMIT_AS, at least kMinAddressSpaceBytes
    std::uint64_t cpu_seconds = 0;          ///< SIGXCPU, which ends the process
    std::uint64_t file_bytes = 0;           ///< a write past it fails
    std::uint64_t open_files = 0;
};

/// What a process that reads hostile bytes may still do. Descriptors that it holds already keep
/// working.
struct SandboxPolicy {
    /// Files and folders to read, besides the system's libraries, fonts and descriptions of the
    /// processor. What is missing is left out.
    std::vector<std::filesystem::path> read;
    /// Folders to make, write and remove files in.
    std::vector<std::filesystem::path> write;
    bool network = false;   ///< sockets
    bool programs = false;  ///< may start other programs (in the same sandbox)
    SandboxLimits limits;
    std::optional<SandboxUser> user;  ///< become this one, when started as root
};

struct SandboxReport {
    struct Measure {
        std::string name;
        bool applied = false;
        std::string detail;  ///< in plain words: what is in force, or why it is not
    };
    std::vector<Measure> measures;

    [[nodiscard]] bool complete() const;
};

/// Locks the calling process down for good, from all sides that this kernel offers: no new
/// privileges, resource limits, no capabilities but reading what the sandbox shows, the user,
/// Landlock (files, TCP, signals), a system call filter (EPERM; the end for what only attacks
/// use). Call it while there is one thread only. A measure that the kernel lacks is reported; one
/// that it has and refuses is an Error. Nothing of it in a build with sanitizers, which need what
/// it takes away.
[[nodiscard]] Result<SandboxReport> enter_sandbox(const SandboxPolicy& policy);

/// What enter_sandbox() would find here. Changes nothing.
[[nodiscard]] SandboxReport look_at_sandbox(const SandboxPolicy& policy);

/// "name" or "uid:gid", for SandboxPolicy::user. kNotFound when there is no such user.
[[nodiscard]] Result<SandboxUser> find_sandbox_user(const std::string& name);

}  // namespace sg::process
