#pragma once

#include <memory>
#include <unordered_map>

#include <boost/asio/io_context.hpp>
#include <live/playback.hpp>
#include <server/exchange.hpp>

namespace sg::server {

/// Requests of one context that wait for a newer view, grouped by channel: each channel is asked
/// once for a wake, however many wait. Only on the context's thread.
class PlaybackChannelWaits : public std::enable_shared_from_this<PlaybackChannelWaits> {
  public:
    /// The list to wait in for a view newer than `seen`, or null when there is one already.
    [[nodiscard]] WaitList* join(boost::asio::io_context& context,
                                 const std::shared_ptr<live::PlaybackChannel>& channel,
                                 const live::ChannelView* seen);

  private:
    struct Group {
        std::weak_ptr<live::PlaybackChannel> channel;  ///< its address may be used anew
        WaitList list;
        bool armed = false;
    };
    void wake(const live::PlaybackChannel* channel);

    std::unordered_map<const live::PlaybackChannel*, std::unique_ptr<Group>> groups_;
};

}  // namespace sg::server
