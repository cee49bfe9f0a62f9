#pragma once

#include <memory>

namespace sg::live {

class ChannelFeed;

/// Feeds a channel while nothing arrives. On its home thread.
class ChannelFiller {
  public:
    virtual ~ChannelFiller() = default;
    /// Whether there is something to feed it with.
    [[nodiscard]] virtual bool ready() const = 0;
    virtual void start(std::shared_ptr<ChannelFeed> feed) = 0;
    /// Something arrives again, or the channel ends. Lets go of the feed.
    virtual void stop() = 0;
};

}  // namespace sg::live
