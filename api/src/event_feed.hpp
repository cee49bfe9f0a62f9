#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <jobs/event_log.hpp>
#include <server/exchange.hpp>

namespace sg::api {

/// An event with the texts that streams send, made once and shared by all of them.
class FeedItem {
  public:
    explicit FeedItem(std::shared_ptr<const jobs::Event> event);

    [[nodiscard]] const jobs::Event& event() const noexcept { return *event_; }
    [[nodiscard]] std::size_t bytes() const noexcept { return text_.size(); }
    /// As server-sent event (HTML Standard §9.2), and as WebSocket message. `self` keeps the bytes.
    [[nodiscard]] static server::BodyPiece as_sse(const std::shared_ptr<const FeedItem>& self);
    [[nodiscard]] static std::vector<server::BodyPiece> as_websocket(
        const std::shared_ptr<const FeedItem>& self);

  private:
    std::shared_ptr<const jobs::Event> event_;
    std::string text_;  ///< of the SSE, then the head of a WebSocket frame
    std::size_t json_at_ = 0;
    std::size_t json_bytes_ = 0;
    std::size_t sse_bytes_ = 0;
};

struct FeedLimits {
    std::size_t events = 8'192;
    std::size_t bytes = 8U << 20U;
    /// Streams are woken at most once in this time, whatever happens in it.
    std::chrono::milliseconds gather{10};
};

/// The newest events in memory, one copy for all streams. A stream keeps its position and reads
/// from there; one that falls behind what is kept has overrun. Any thread, but for join().
class EventFeed {
  public:
    EventFeed(jobs::EventHub& hub, std::size_t contexts, FeedLimits limits = {});
    ~EventFeed();

    /// The position behind the newest.
    [[nodiscard]] std::uint64_t end() const;

    struct Read {
        bool overrun = false;
        std::uint64_t next = 0;
        std::vector<std::shared_ptr<const FeedItem>> items;
    };
    [[nodiscard]] Read read(std::uint64_t from, std::size_t max) const;

    /// What to wait on for events behind `position`, on the context of `exchange`. Null when there
    /// are some already.
    [[nodiscard]] server::WaitList* join(server::Exchange& exchange, std::uint64_t position);

  private:
    struct PerContext;
    void take(const jobs::EventHub::Batch& batch);

    const FeedLimits limits_;
    mutable std::mutex mutex_;
    std::deque<std::shared_ptr<const FeedItem>> items_;
    std::uint64_t first_ = 0;  ///< position of items_.front()
    std::size_t bytes_ = 0;
    std::vector<std::shared_ptr<PerContext>> contexts_;
    jobs::EventHub::Subscription subscription_;
};

}  // namespace sg::api
