#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <base/result.hpp>
#include <base/unique_fd.hpp>

namespace sg::process {

/// Sends a progress message, which is also the heartbeat that the watchdog waits for. From any
/// thread; blocks while the parent does not read.
using ProgressSender = std::function<Status(std::string_view payload)>;

/// Does one task. Gives the result's payload.
using TaskHandler = std::function<Result<std::string>(std::string_view request,
                                                      std::vector<UniqueFd> fds,
                                                      const ProgressSender& progress,
                                                      std::stop_token stop)>;

/// Called with the request while there is one thread only: enters the sandbox. Its error is the
/// task's.
using TaskPreparer = std::function<Status(std::string_view request)>;

/// The child's side: receives one request on `channel_fd`, runs the handler on this thread, sends
/// its result or error back. SIGTERM requests a stop. Call it before any thread is started. Returns
/// the process's exit code: 0 when an answer, also an error, was delivered.
[[nodiscard]] int serve_task(int channel_fd,
                             const TaskHandler& handler,
                             const TaskPreparer& prepare = {});

}  // namespace sg::process
