#pragma once

#include <functional>
#include <memory>
#include <string>

#include <live/channel_registry.hpp>
#include <live/publish_gate.hpp>

#include <base/clock.hpp>
#include <protocols/srt_listener.hpp>

namespace sg::live {

/// Of the channel with this name. Any thread.
using SrtEncryptionOf = std::function<SrtEncryption(std::string_view channel)>;

/// Brings SRT publishers, who send transport streams, to their channels. Their media is handled on
/// the channels' home threads.
class SrtIngest {
  public:
    /// `home` is that of channels which an SRT publisher brings into being.
    SrtIngest(ChannelRegistry& registry,
              PublishGate& gate,
              SrtEncryptionOf encryption,
              boost::asio::io_context& home,
              const Clock& clock);
    ~SrtIngest();

    /// For SrtListener: on its threads.
    [[nodiscard]] protocols::SrtAdmission admission();
    [[nodiscard]] protocols::SrtListener::OnConnection on_connection();

  private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace sg::live
