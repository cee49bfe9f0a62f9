#pragma once

#include <functional>
#include <stop_token>
#include <string_view>

#include <base/result.hpp>
#include <process/supervisor.hpp>

namespace sg::engine {

/// Runs one task in a child to its end. Blocks. kCancelled when stopped before; else the error is
/// of the machinery, the task's own is in the outcome.
[[nodiscard]] Result<process::Outcome> run_one_task(
    process::Task task,
    const std::function<void(std::string_view payload)>& on_progress,
    std::stop_token stop);

}  // namespace sg::engine
