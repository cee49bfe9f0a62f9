#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/steady_timer.hpp>
#include <live/channel_registry.hpp>

#include <base/metric.hpp>

#include "pull_backoff.hpp"
#include "pull_source.hpp"

namespace sg::live {

/// One input of one channel, pulled until it is stopped. Its attempts follow the channel to its
/// home thread.
class PullRunner final : public std::enable_shared_from_this<PullRunner>, private PullOwner {
  public:
    struct Setup {
        ChannelRegistry& registry;
        Metrics& metrics;
        std::size_t slot = 0;  ///< of the channel's inputs
        InputSettings input;
        /// Set for an input that lives and goes with this channel.
        std::weak_ptr<Channel> only;
        bool bound = false;
    };
    PullRunner(Setup setup, PullContext context);

    // Any thread.
    void start();
    void stop();

    [[nodiscard]] const InputSettings& input() const { return setup_.input; }

  private:
    ChannelFeed* feed(const ingest::LiveClock& clock) override;
    void delivered() override;
    [[nodiscard]] HlsPosition& hls_position() override { return hls_position_; }
    void on_gone(Error why) override;

    [[nodiscard]] boost::asio::io_context& home() { return *home_.load(); }
    void attempt();
    void leave();
    void again_in(std::chrono::milliseconds wait);
    void watch_silence();
    void lose(const Error& why, bool at_once);

    Setup setup_;
    PullContext context_;
    std::atomic<boost::asio::io_context*> home_;
    PullBackoff backoff_;
    std::string shown_;
    std::unique_ptr<PullSource> source_;
    std::shared_ptr<ChannelFeed> feed_;
    std::unique_ptr<boost::asio::steady_timer> timer_;
    std::optional<Clock::Monotonic> since_;  ///< it delivers
    Clock::Monotonic last_{};
    std::uint64_t attempt_ = 0;
    bool leaving_ = false;
    std::atomic<bool> stopped_{false};
    HlsPosition hls_position_;
    std::string told_;  ///< the last failure, so that the same again is no news
    Gauge connected_;
    Counter attempts_;
};

}  // namespace sg::live
