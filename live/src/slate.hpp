#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <live/channel.hpp>
#include <live/channel_filler.hpp>

#include <base/clock.hpp>
#include <ingest/live_unit.hpp>

#include "pull_source.hpp"

namespace sg::live {

/// One loop of a still picture with silence, encoded. Its times begin at zero, in nanoseconds.
struct SlateLoop {
    std::vector<ingest::LiveTrack> tracks;
    std::vector<ingest::LiveUnit> units;  ///< by decoding time
    std::int64_t duration_ns = 0;
};

/// Makes it in a child. `done` is called on the context's home thread, once.
void make_slate_loop(const std::string& image,
                     const PullContext& context,
                     std::function<void(Result<std::shared_ptr<const SlateLoop>>)> done);

/// Plays a loop again and again, at its own pace.
class SlatePlayer final : public ChannelFiller {
  public:
    SlatePlayer(boost::asio::io_context& home, const Clock& clock)
        : clock_(clock), timer_(home), self_(std::make_shared<SlatePlayer*>(this)) {}

    void set_loop(std::shared_ptr<const SlateLoop> loop) { loop_ = std::move(loop); }

    [[nodiscard]] bool ready() const override { return loop_ != nullptr; }
    void start(std::shared_ptr<ChannelFeed> feed) override;
    void stop() override;

  private:
    void play();
    [[nodiscard]] std::int64_t next_ns() const;

    const Clock& clock_;
    boost::asio::steady_timer timer_;
    std::shared_ptr<SlatePlayer*> self_;  ///< handlers hold it weakly
    std::shared_ptr<const SlateLoop> loop_;
    std::shared_ptr<ChannelFeed> feed_;
    Clock::Monotonic begin_{};
    std::size_t next_ = 0;
    std::int64_t round_ = 0;
};

}  // namespace sg::live
