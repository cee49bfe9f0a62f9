#pragma once

#include <optional>
#include <vector>

#include "exit_codes.hpp"
#include "job_watch.hpp"
#include "server_client.hpp"

namespace sg::apps {

struct WatchShow {
    bool json = false;
    bool quiet = false;
    std::optional<int> timeout_seconds;
};

/// Follows jobs with the display of `transcode`, until all have ended; then says how. The jobs go
/// on when it is interrupted.
[[nodiscard]] ExitCode watch_until_ended(const ServerClient& client,
                                         std::vector<WatchedJob> jobs,
                                         const WatchShow& show);

}  // namespace sg::apps
