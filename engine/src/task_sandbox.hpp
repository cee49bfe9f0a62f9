#pragma once

#include <process/sandbox.hpp>

#include "task.hpp"

namespace sg::engine {

/// What a task of this kind needs, and no more.
[[nodiscard]] process::SandboxPolicy sandbox_policy(const TaskRequest& request);

/// What the environment says (kSandboxVariable).
[[nodiscard]] bool sandbox_wanted();

/// Locks this process down for the task, unless the environment says otherwise.
[[nodiscard]] Status enter_task_sandbox(const TaskRequest& request);

}  // namespace sg::engine
