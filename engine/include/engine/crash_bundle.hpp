#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>

#include <base/result.hpp>
#include <process/supervisor.hpp>

namespace sg::engine {

/// What is needed to make a task's crash happen again. One JSON file, without secrets: no
/// environment, and addresses without user, password and query. The source is named, not copied.
struct CrashBundle {
    std::string task;     ///< its id
    std::string request;  ///< what the child was asked (TaskRequest, JSON)
    std::string source;   ///< absolute path; empty: it reads none, or came through a pipe
    std::string signal;   ///< "SIGSEGV"
    std::string message;
    std::string log_tail;
    std::string versions;  ///< of StreamGate and of libav
    std::string machine;   ///< kernel, processor features that change code paths
    std::string time;      ///< RFC 3339, UTC
    bool sandboxed = true;
};

/// How many are kept and how large one may be; the oldest go first.
struct CrashKeeping {
    std::size_t count = 20;
    std::size_t bytes = std::size_t{16} << 20;
};

/// Writes `folder`/crash-<time>-<task>.json, mode 0600.
[[nodiscard]] Result<std::filesystem::path> write_crash_bundle(const std::filesystem::path& folder,
                                                               const CrashBundle& bundle,
                                                               CrashKeeping keeping = {});
/// kBadData with the field at fault.
[[nodiscard]] Result<CrashBundle> read_crash_bundle(const std::filesystem::path& path);

/// A bundle's worth of a task that a signal of its own ended (a crash, not a kill); nothing
/// otherwise.
[[nodiscard]] std::optional<CrashBundle> crash_of(const process::Outcome& outcome,
                                                  const std::string& request,
                                                  const std::string& source);

struct ReplayOptions {
    std::filesystem::path bundle;
    std::filesystem::path source;  ///< instead of the bundle's, when it has moved
    bool in_process = false;       ///< for a debugger: a crash ends this process
    std::string program = "/proc/self/exe";
};

struct ReplayReport {
    bool crashed = false;
    std::string signal;   ///< when it crashed
    std::string message;  ///< how it ended, in one line
    std::string log_tail;
    bool same_versions = true;
};

/// Runs the bundle's task again, in a folder of its own that is removed. Blocks. kNotFound when the
/// source is not there any more.
[[nodiscard]] Result<ReplayReport> replay_crash(const ReplayOptions& options, std::stop_token stop);

}  // namespace sg::engine
