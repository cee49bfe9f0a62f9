#pragma once

#include <live/channel.hpp>
#include <sql/database.hpp>

#include <base/clock.hpp>

namespace sg::api {

/// channel.started, channel.switched and channel.ended of this channel go to the event log. On the
/// channel's home thread.
void log_channel_events(live::Channel& channel, sql::Database& database, const Clock& clock);

}  // namespace sg::api
