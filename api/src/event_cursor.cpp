#include "event_cursor.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace sg::api {
namespace {

constexpr std::int64_t kPage = 500;
constexpr std::size_t kBatch = 128;

}  // namespace

EventCursor::EventCursor(sql::Database& database, EventFeed& feed, std::string owner)
    : database_(database), feed_(feed), owner_(std::move(owner)) {}

Status EventCursor::from_now(EventFilter filter) {
    SG_TRY(from(std::numeric_limits<std::int64_t>::max(), std::move(filter)));
    replaying_ = false;
    position_ = feed_.end();
    return {};
}

Status EventCursor::from(std::int64_t after, EventFilter filter) {
    filter_ = std::move(filter);
    SG_TRY_ASSIGN(const auto reader, database_.read());
    SG_TRY_ASSIGN(const auto newest, jobs::last_event(*reader));
    last_ = std::min(after, newest);
    replaying_ = true;
    first_page_ = true;
    return {};
}

Result<EventCursor::Step> EventCursor::next() {
    if (replaying_) return replay();
    Step step;
    auto read = feed_.read(position_, kBatch);
    if (read.overrun) {
        step.overrun = true;
        return step;
    }
    step.again = !read.items.empty();
    position_ = read.next;
    for (auto& item : read.items) {
        const auto& event = item->event();
        if (event.seq != 0 && event.seq <= last_) continue;  // came with the replay
        last_ = std::max(last_, event.seq);
        if (!owner_.empty() && event.owner != owner_) continue;
        if (filter_.wants(event)) step.items.push_back(std::move(item));
    }
    return step;
}

Result<EventCursor::Step> EventCursor::replay() {
    Step step;
    step.again = true;
    // Before the query: what is told after this is in the feed, what was told before is in the log.
    position_ = feed_.end();
    SG_TRY_ASSIGN(const auto reader, database_.read());
    if (first_page_) {
        first_page_ = false;
        SG_TRY_ASSIGN(const auto oldest, jobs::oldest_event(*reader));
        step.gap = oldest > last_ + 1;
    }
    const auto subject = filter_.only_subject();
    SG_TRY_ASSIGN(auto page,
                  subject.empty() ? jobs::events_after(*reader, last_, owner_, kPage)
                                  : jobs::events_of(*reader, subject, last_, kPage));
    replaying_ = static_cast<std::int64_t>(page.size()) == kPage;
    for (auto& event : page) {
        last_ = event.seq;
        if (!owner_.empty() && event.owner != owner_) continue;
        if (!filter_.wants(event)) continue;
        step.items.push_back(std::make_shared<const FeedItem>(
            std::make_shared<const jobs::Event>(std::move(event))));
    }
    return step;
}

}  // namespace sg::api
