#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <jobs/event_log.hpp>
#include <sql/database.hpp>

#include <base/result.hpp>

#include "event_feed.hpp"
#include "event_filter.hpp"

namespace sg::api {

/// One stream's way through the events: what it missed from the durable log, then what happens, no
/// event twice and none left out. One thread at a time.
class EventCursor {
  public:
    /// `owner` empty: of all owners.
    EventCursor(sql::Database& database, EventFeed& feed, std::string owner);

    /// Only what happens from now on.
    [[nodiscard]] Status from_now(EventFilter filter);
    /// What came after this number, then what happens. A number that does not exist yet counts as
    /// the newest.
    [[nodiscard]] Status from(std::int64_t after, EventFilter filter);

    struct Step {
        /// The stream was too slow: what it missed must be asked for again, from last().
        bool overrun = false;
        /// Events between last() and these have left the log.
        bool gap = false;
        /// More may be at hand when this is not empty, or `again`.
        std::vector<std::shared_ptr<const FeedItem>> items;
        bool again = false;
    };
    [[nodiscard]] Result<Step> next();

    /// The last event that was passed, wanted or not: where a client resumes.
    [[nodiscard]] std::int64_t last() const noexcept { return last_; }
    /// Everything the log holds was given.
    [[nodiscard]] bool live() const noexcept { return !replaying_; }
    /// Of the feed, for EventFeed::join().
    [[nodiscard]] std::uint64_t position() const noexcept { return position_; }

  private:
    [[nodiscard]] Result<Step> replay();

    sql::Database& database_;
    EventFeed& feed_;
    std::string owner_;
    EventFilter filter_;
    bool replaying_ = false;
    bool first_page_ = false;
    std::int64_t last_ = 0;
    std::uint64_t position_ = 0;
};

}  // namespace sg::api
