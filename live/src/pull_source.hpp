#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <live/channel.hpp>
#include <live/channel_settings.hpp>

#include <base/clock.hpp>
#include <base/result.hpp>
#include <ingest/live_unit.hpp>

#include "pull_hls.hpp"

namespace sg::protocols {
class SrtService;
struct SrtCallSettings;
struct UdpReceiverOptions;
}  // namespace sg::protocols

namespace sg::live {

/// What a source tells its owner, on the home thread.
class PullOwner {
  public:
    virtual ~PullOwner() = default;
    /// Media is there: the feed that takes it, opened with the first call. Null when no channel
    /// takes it any more; then the source is done.
    [[nodiscard]] virtual ChannelFeed* feed(const ingest::LiveClock& clock) = 0;
    /// A batch was delivered to the feed.
    virtual void delivered() = 0;
    /// Kept from one attempt to the next.
    [[nodiscard]] virtual HlsPosition& hls_position() = 0;
    /// It is over. At most once, last; the source is destroyed in a later handler.
    virtual void on_gone(Error why) = 0;
};

/// One attempt to get a pull input. Lives on its channel's home thread and never blocks it. Its
/// owner hears nothing any more once it is destroyed.
class PullSource {
  public:
    virtual ~PullSource() = default;
    virtual void start() = 0;
};

class PullThreads;

/// What sources need from around them.
struct PullContext {
    boost::asio::io_context& home;
    const Clock& clock;
    protocols::SrtService* srt = nullptr;
    PullThreads& threads;
    std::string channel;  ///< for messages
    std::string executable;
    std::vector<std::string> argv;
};

/// For the input's kind and URL. kInvalidArgument for a URL that is wrong, kUnsupported for a
/// protocol that we do not speak; no message holds a secret.
[[nodiscard]] Result<std::unique_ptr<PullSource>> make_pull_source(const InputSettings& input,
                                                                   const PullContext& context,
                                                                   PullOwner& owner);

/// What an srt:// or udp:// URL says. Errors as of check_pull_url().
[[nodiscard]] Result<protocols::SrtCallSettings> srt_call_of(const std::string& url);
[[nodiscard]] Result<protocols::UdpReceiverOptions> udp_options_of(const std::string& url);

// One for each way.
[[nodiscard]] Result<std::unique_ptr<PullSource>> make_rtmp_pull(const InputSettings& input,
                                                                 const PullContext& context,
                                                                 PullOwner& owner);
[[nodiscard]] Result<std::unique_ptr<PullSource>> make_srt_pull(const InputSettings& input,
                                                                const PullContext& context,
                                                                PullOwner& owner);
[[nodiscard]] Result<std::unique_ptr<PullSource>> make_udp_pull(const InputSettings& input,
                                                                const PullContext& context,
                                                                PullOwner& owner);
/// A transport stream without end, or HLS.
[[nodiscard]] Result<std::unique_ptr<PullSource>> make_http_pull(const InputSettings& input,
                                                                 const PullContext& context,
                                                                 PullOwner& owner);
/// In a child: RTSP, file loop, test card.
[[nodiscard]] Result<std::unique_ptr<PullSource>> make_child_pull(const InputSettings& input,
                                                                  const PullContext& context,
                                                                  PullOwner& owner);

}  // namespace sg::live
