#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <live/channel_observer.hpp>
#include <live/channel_settings.hpp>

#include <base/clock.hpp>
#include <base/metric.hpp>
#include <base/result.hpp>

namespace boost::asio {
class io_context;
}

namespace sg::protocols {
class SrtService;
}

namespace sg::live {

/// A connection to a restream target: one attempt. On the channel's thread.
class RestreamLink {
  public:
    struct Events {
        std::function<void()> ready;
        /// Once, last.
        std::function<void(const Error&)> closed;
    };
    /// Closes at once; no event is called any more.
    virtual ~RestreamLink() = default;
    virtual void start(Events events) = 0;
    /// A track that follows, or its new configuration. kUnsupported when the protocol cannot carry
    /// it: its units are left out.
    [[nodiscard]] virtual Status track(const ingest::LiveTrack& track) = 0;
    /// Never blocks; false when what waits has no room for it.
    [[nodiscard]] virtual bool unit(const ingest::TimedUnit& unit) = 0;
    virtual void finish() = 0;
    [[nodiscard]] virtual std::uint64_t sent_bytes() const = 0;
};
using RestreamLinkFactory = std::function<Result<std::unique_ptr<RestreamLink>>()>;

struct RestreamBackOff {
    std::chrono::milliseconds first{1'000};
    std::chrono::milliseconds longest{60'000};
    std::chrono::milliseconds good{30'000};  ///< a connection that lasted so long starts over
};

/// Sends a channel's repaired input on to one target. Connects again for as long as the channel
/// lives. What a slow target has no room for is left out up to the next key frame. On the channel's
/// thread.
class Restreamer final : public ChannelObserver {
  public:
    Restreamer(std::string channel,
               std::string target,  ///< its name: its URL may hold secrets
               RestreamLinkFactory make_link,
               boost::asio::io_context& home,
               const Clock& clock,
               Metrics& metrics,
               const RestreamBackOff& back_off);
    ~Restreamer() override;

    void on_track(const ingest::LiveTrack& track) override;
    void on_track_end(int track) override;
    void on_unit(const ingest::TimedUnit& unit) override;
    void on_end(bool may_continue) override;

  private:
    struct State;
    std::shared_ptr<State> state_;
};

/// Of rtmp://, rtmps:// and srt:// addresses. kInvalidArgument does not repeat the address. `srt`
/// may be null where there is no SRT.
[[nodiscard]] Result<RestreamLinkFactory> restream_link_factory(const RestreamTarget& target,
                                                                boost::asio::io_context& home,
                                                                protocols::SrtService* srt);

class Channel;
/// A Restreamer for each of a new channel's targets. `clock` and `metrics` outlive the channel.
void observe_restream(Channel& channel,
                      const Clock& clock,
                      Metrics& metrics,
                      protocols::SrtService* srt);

/// srt://HOST:PORT?streamid=...&passphrase=...&pbkeylen=...&latency=MS
struct SrtTarget {
    std::string host;
    std::uint16_t port = 0;
    std::string stream_id;
    std::string passphrase;
    unsigned key_bytes = 0;
    std::chrono::milliseconds latency{120};
};
[[nodiscard]] Result<SrtTarget> parse_srt_target(std::string_view url);

}  // namespace sg::live
