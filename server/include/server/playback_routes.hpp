#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <live/playback.hpp>
#include <server/router.hpp>

#include <base/clock.hpp>
#include <base/metric.hpp>

namespace sg::server {

struct PlaybackOptions {
    /// First path segments that are applications: /live/NAME/...
    std::vector<std::string> applications{"live"};
    /// Origins that may read from another site; "*" for all.
    std::vector<std::string> allowed_origins{"*"};
    /// Keys of signed URLs, the first signs; without keys anyone may watch.
    std::vector<std::string> signature_keys;
    /// Longest wait for the next piece of a growing segment.
    std::chrono::milliseconds growth_timeout{15'000};
    /// Longest hold of a request that names no limit of its own.
    std::chrono::milliseconds default_wait{18'000};
};

/// The origin: /APP/NAME/... of a directory of channels, /live/index.json with their list and /time
/// for UTCTiming. Must outlive the server, as must `directory`; channels must have gone before the
/// contexts do.
class PlaybackRoutes {
  public:
    PlaybackRoutes(live::PlaybackDirectory& directory,
                   std::size_t contexts,
                   PlaybackOptions options,
                   const Clock& clock,
                   Metrics& metrics);
    ~PlaybackRoutes();

    void add_to(Router& router);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sg::server
