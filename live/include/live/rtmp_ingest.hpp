#pragma once

#include <memory>

#include <live/channel_registry.hpp>
#include <live/publish_gate.hpp>

#include <base/clock.hpp>
#include <protocols/rtmp_server.hpp>

namespace sg::live {

/// Brings publishers of one RTMP server to their channels. Belongs to the server's io_context;
/// channels may have other homes.
class RtmpIngest final : public protocols::RtmpPublishHandler {
  public:
    RtmpIngest(boost::asio::io_context& context,
               ChannelRegistry& registry,
               PublishGate& gate,
               const Clock& clock);

    void on_publish(protocols::RtmpPublishOffer offer) override;

  private:
    boost::asio::io_context& context_;
    ChannelRegistry& registry_;
    PublishGate& gate_;
    const Clock& clock_;
};

}  // namespace sg::live
