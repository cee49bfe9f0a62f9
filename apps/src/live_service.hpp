#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <live/channel_registry.hpp>

#include <base/clock.hpp>
#include <base/metric.hpp>
#include <base/result.hpp>

#include "serve_settings.hpp"
#include "service_addresses.hpp"
#include "service_listeners.hpp"

namespace sg::apps {

/// Channels beside those of the configuration.
struct ExtraChannels {
    std::vector<live::ChannelSettings> running;  ///< pulled, and open to publishers
    std::vector<std::string> stopped;            ///< names that nobody may publish to
};

/// Live channels with what feeds and stores them: RTMP and SRT listeners, pulls, DVR, recording.
class LiveService {
  public:
    /// `homes` outlive it.
    [[nodiscard]] static Result<std::unique_ptr<LiveService>> start(
        const ServeSettings& settings,
        const Listeners& listeners,
        std::vector<boost::asio::io_context*> homes,
        const Clock& clock,
        Metrics& metrics,
        ServiceAddresses& addresses);
    /// When no home runs any more.
    ~LiveService();

    [[nodiscard]] live::ChannelRegistry& channels();

    /// Begins what is pulled. `seen` is called for each new channel, on its home.
    void begin(std::function<void(live::Channel&)> seen);
    /// Any thread.
    void set_extra(ExtraChannels extra);
    /// New settings. Streams go on: what cannot change while they run is told in the log.
    void take(const ServeSettings& fresh);

    /// Any thread: streams go on, but nobody new may publish, and publishers who can are asked to
    /// connect anew.
    void drain();
    /// Publishers first, so that streams end in order. `ended` is called on the first home when
    /// viewers who wait have heard of it.
    void end(std::function<void()> ended);
    /// After the homes stopped.
    void stop();

  private:
    struct Impl;
    explicit LiveService(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace sg::apps
