#include "playback_channel_waits.hpp"

#include <boost/asio/post.hpp>

namespace sg::server {

WaitList* PlaybackChannelWaits::join(boost::asio::io_context& context,
                                     const std::shared_ptr<live::PlaybackChannel>& channel,
                                     const live::ChannelView* seen) {
    auto& group = groups_[channel.get()];
    if (!group || group->channel.expired()) {
        // Waiters keep their channel, so a group whose channel went without a last view is empty.
        group = std::make_unique<Group>();
        group->channel = channel;
        std::erase_if(groups_, [](const auto& entry) {
            return entry.second->list.empty() && entry.second->channel.expired();
        });
    }
    if (!group->armed) {
        const auto* key = channel.get();
        group->armed = true;
        const bool waits = channel->notify_once(
            seen, [self = weak_from_this(), executor = context.get_executor(), key] {
                boost::asio::post(executor, [self, key] {
                    if (const auto here = self.lock()) here->wake(key);
                });
            });
        if (!waits) {
            group->armed = false;
            if (group->list.empty()) groups_.erase(key);
            return nullptr;
        }
    }
    return &group->list;
}

void PlaybackChannelWaits::wake(const live::PlaybackChannel* channel) {
    const auto found = groups_.find(channel);
    if (found == groups_.end()) return;
    found->second->armed = false;
    found->second->list.wake_all();
    groups_.erase(found);
}

}  // namespace sg::server
