#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include <base/result.hpp>
#include <base/unique_fd.hpp>
#include <engine/live_link.hpp>
#include <pipeline/stage.hpp>
#include <process/channel.hpp>

#include "live_plan.hpp"

namespace sg::engine {

/// What encoding begins with: tracks that deliver, and what they have delivered so far.
struct LiveStart {
    std::vector<LiveSeen> tracks;
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

/// Units to packets, times counted from the start's origin. Ends where the timeline breaks, where
/// a track comes or goes, and with the input.
class LiveSource final : public pipeline::Source {
  public:
    /// `ports`: a track's output port; tracks without one are left out. `input` is borrowed.
    LiveSource(LiveStart start, std::map<int, int> ports, LiveInput& input);

    [[nodiscard]] Result<pipeline::PortItem> read(std::stop_token stop) override;

  private:
    void take(LiveInputMessage message);
    void take_unit(ingest::TimedUnit unit);
    void end();
    [[nodiscard]] pipeline::PortItem item_of(const ingest::TimedUnit& unit, int port) const;

    LiveStart start_;
    std::map<int, int> ports_;
    std::vector<int> known_;  ///< tracks that were considered, with or without a port
    LiveInput& input_;
    std::deque<pipeline::PortItem> ready_;
    std::int64_t newest_ns_ = 0;
    std::map<int, std::int64_t> last_ns_;
};

}  // namespace sg::engine
