#pragma once

namespace sg::engine {

/// "off" in the environment: tasks run without a sandbox, for debugging.
inline constexpr const char* kSandboxVariable = "STREAMGATE_SANDBOX";
/// The user, by name or "uid:gid", that tasks which decode become when this process is root.
inline constexpr const char* kWorkerUserVariable = "STREAMGATE_WORKER_USER";

}  // namespace sg::engine
