#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <base/result.hpp>

#include "display.hpp"
#include "server_client.hpp"

namespace sg::apps {

/// A job that is watched.
struct WatchedJob {
    std::string id;
    std::string label;    ///< shown instead of the id
    std::string outcome;  ///< "succeeded", "failed", "cancelled"; empty while it goes on
    std::string message;
};

/// How watching ended.
enum class WatchEnd { kAllEnded, kTimedOut, kInterrupted };

struct WatchRequest {
    std::vector<WatchedJob> jobs;
    std::optional<std::chrono::seconds> timeout;
    /// Events as they came, instead of the display. False: nobody reads any more.
    std::function<bool(std::string_view event)> raw;
};

/// Follows jobs by their events until all have ended, also over connections that break. Puts
/// outcomes into `request`. Errors: a job that is not there, a server that cannot be reached for
/// half a minute.
[[nodiscard]] Result<WatchEnd> watch_jobs(const ServerClient& client,
                                          WatchRequest& request,
                                          Display* display,
                                          std::stop_token stop);

/// What a server's event of a job says to a display; nothing for those that do not change it.
[[nodiscard]] std::optional<engine::Event> display_event(std::string_view type,
                                                         std::string_view label,
                                                         std::string_view data);

}  // namespace sg::apps
