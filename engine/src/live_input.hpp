#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <stop_token>
#include <vector>

#include <base/result.hpp>
#include <base/unique_fd.hpp>
#include <engine/live_link.hpp>
#include <process/channel.hpp>

#include "live_plan.hpp"

namespace sg::engine {

/// What encoding begins with: tracks that deliver, and what they have delivered so far.
struct LiveStart {
    std::vector<LiveSeen> tracks;
    std::deque<ingest::TimedUnit> past;  ///< decoded first, and not shown
    std::deque<ingest::TimedUnit> units;
    std::int64_t origin_ns = 0;  ///< the first picture, or else sound
};

/// The channel's side of the socket, read by one thread at a time.
class LiveInput {
  public:
    explicit LiveInput(UniqueFd socket);

    /// Blocks. kEndOfStream when the channel is gone.
    [[nodiscard]] Result<LiveInputMessage> next(std::stop_token stop);
    /// What next() gives first.
    void put_back(LiveInputMessage message) { back_.push_front(std::move(message)); }

    /// Waits until it is known what comes: some pictures to tell their rate, something of each
    /// track. Nothing when the input has ended.
    [[nodiscard]] Result<std::optional<LiveStart>> gather(std::stop_token stop);

    /// Of all that were announced and have not ended.
    std::map<int, LiveSourceTrack> tracks;

  private:
    process::Channel channel_;
    std::deque<LiveInputMessage> back_;
};

}  // namespace sg::engine
