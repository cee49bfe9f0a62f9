#include "event_feed.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>

#include "websocket_frames.hpp"

namespace sg::api {

namespace asio = boost::asio;
using std::chrono::steady_clock;

FeedItem::FeedItem(std::shared_ptr<const jobs::Event> event) : event_(std::move(event)) {
    const auto json = event_->to_json();
    // Progress has no id: it cannot be asked for again.
    if (event_->seq > 0) text_ = fmt::format("id: {}\n", event_->seq);
    text_.append("event: ").append(event_->type).append("\ndata: ");
    json_at_ = text_.size();
    json_bytes_ = json.size();
    text_.append(json).append("\n\n");
    sse_bytes_ = text_.size();
    text_.append(websocket_head(WebSocketOpcode::kText, json_bytes_));
    text_.shrink_to_fit();
}

namespace {

server::BodyPiece piece(const std::shared_ptr<const FeedItem>& owner, std::string_view bytes) {
    auto out = server::BodyPiece::of_static(bytes);
    out.owner = owner;
    return out;
}

}  // namespace

server::BodyPiece FeedItem::as_sse(const std::shared_ptr<const FeedItem>& self) {
    return piece(self, std::string_view(self->text_).substr(0, self->sse_bytes_));
}

std::vector<server::BodyPiece> FeedItem::as_websocket(const std::shared_ptr<const FeedItem>& self) {
    const std::string_view text = self->text_;
    return {piece(self, text.substr(self->sse_bytes_)),
            piece(self, text.substr(self->json_at_, self->json_bytes_))};
}

/// The streams of one context. All but `armed` and `context` on its thread.
struct EventFeed::PerContext : std::enable_shared_from_this<PerContext> {
    std::atomic<bool> armed{false};  ///< somebody waits who has not been woken
    std::atomic<asio::io_context*> context{nullptr};
    server::WaitList list;
    steady_clock::time_point woken{};
    std::optional<asio::steady_timer> timer;

    void wake_soon(std::chrono::milliseconds gather) {
        auto* where = context.load();
        asio::post(*where, [self = shared_from_this(), where, gather] {
            const auto now = steady_clock::now();
            if (now - self->woken >= gather) {
                self->wake(now);
                return;
            }
            if (!self->timer) self->timer.emplace(*where);
            self->timer->expires_at(self->woken + gather);
            self->timer->async_wait([self](const boost::system::error_code& error) {
                if (!error) self->wake(steady_clock::now());
            });
        });
    }
    void wake(steady_clock::time_point now) {
        woken = now;
        list.wake_all();
    }
};

EventFeed::EventFeed(jobs::EventHub& hub, std::size_t contexts, FeedLimits limits)
    : limits_(limits) {
    for (std::size_t i = 0; i < contexts; ++i) contexts_.push_back(std::make_shared<PerContext>());
    subscription_ = hub.subscribe([this](const jobs::EventHub::Batch& batch) { take(batch); });
}

EventFeed::~EventFeed() = default;

void EventFeed::take(const jobs::EventHub::Batch& batch) {
    std::vector<std::shared_ptr<const FeedItem>> fresh;
    fresh.reserve(batch.size());
    for (const auto& event : batch) fresh.push_back(std::make_shared<const FeedItem>(event));
    {
        const std::lock_guard lock(mutex_);
        for (auto& item : fresh) {
            bytes_ += item->bytes();
            items_.push_back(std::move(item));
        }
        while (items_.size() > limits_.events || (bytes_ > limits_.bytes && items_.size() > 1)) {
            bytes_ -= items_.front()->bytes();
            items_.pop_front();
            ++first_;
        }
    }
    for (const auto& context : contexts_) {
        if (context->armed.exchange(false)) context->wake_soon(limits_.gather);
    }
}

std::uint64_t EventFeed::end() const {
    const std::lock_guard lock(mutex_);
    return first_ + items_.size();
}

EventFeed::Read EventFeed::read(std::uint64_t from, std::size_t max) const {
    Read out;
    const std::lock_guard lock(mutex_);
    out.next = from;
    if (from < first_) {
        out.overrun = true;
        return out;
    }
    const auto end = first_ + items_.size();
    for (; out.next < end && out.items.size() < max; ++out.next) {
        out.items.push_back(items_[out.next - first_]);
    }
    return out;
}

server::WaitList* EventFeed::join(server::Exchange& exchange, std::uint64_t position) {
    auto& context = *contexts_[exchange.context_index()];
    context.context = &exchange.context();
    context.armed = true;
    // After arming: what comes from here on wakes, what came before is seen.
    return end() == position ? &context.list : nullptr;
}

}  // namespace sg::api
