#include <algorithm>
#include <chrono>
#include <utility>

#include <jobs/event_log.hpp>

#include <base/ids.hpp>
#include <base/log.hpp>

namespace sg::jobs {

namespace {

constexpr std::int64_t kEventsAtOnce = 1'000;

}  // namespace

struct EventHub::Seat {
    std::uint64_t number = 0;
    std::recursive_mutex calling;  ///< held during a call; recursive: it may end itself
    Listener listener;
    bool running = false;
    bool gone = false;
};

EventHub::EventHub(sql::Database& database, const Clock& clock)
    : database_(database), clock_(clock) {
    if (auto reader = database_.read())
        if (const auto last = last_event(**reader)) told_ = *last;
    database_.on_commit([this](sql::Connection& db) { committed(db); });
}

EventHub::~EventHub() {
    database_.on_commit({});
}

EventHub::Subscription EventHub::subscribe(Listener listener) {
    auto seat = std::make_shared<Seat>();
    seat->listener = std::move(listener);
    Subscription subscription;
    subscription.hub_ = this;
    const std::lock_guard lock(mutex_);
    seat->number = subscription.number_ = next_++;
    seats_.push_back(std::move(seat));
    return subscription;
}

void EventHub::tell(Event event) {
    if (event.time == 0)
        event.time =
            std::chrono::duration_cast<std::chrono::milliseconds>(clock_.wall().time_since_epoch())
                .count();
    if (event.id.empty()) event.id = make_id("evt", clock_);
    event.seq = 0;
    pass_on({std::make_shared<const Event>(std::move(event))});
}

void EventHub::committed(sql::Connection& db) {
    for (;;) {
        if (told_ < 0) {
            const auto last = last_event(db);
            if (last) told_ = *last;
            return;
        }
        auto events = events_after(db, told_, "", kEventsAtOnce);
        if (!events) {
            // They are told after the next commit.
            log::warn("events_not_read {}", events.error().message);
            return;
        }
        if (events->empty()) return;
        told_ = events->back().seq;
        const bool more = events->size() == static_cast<std::size_t>(kEventsAtOnce);
        Batch batch;
        batch.reserve(events->size());
        for (auto& event : *events)
            batch.push_back(std::make_shared<const Event>(std::move(event)));
        pass_on(batch);
        if (!more) return;
    }
}

void EventHub::pass_on(const Batch& batch) {
    std::vector<std::shared_ptr<Seat>> seats;
    {
        const std::lock_guard lock(mutex_);
        seats = seats_;
    }
    for (const auto& seat : seats) {
        const std::lock_guard lock(seat->calling);
        // Not within its own call either: it may tell progress.
        if (seat->gone || seat->running) continue;
        seat->running = true;
        seat->listener(batch);
        seat->running = false;
    }
}

void EventHub::remove(std::uint64_t number) {
    std::shared_ptr<Seat> seat;
    {
        const std::lock_guard lock(mutex_);
        const auto found = std::find_if(
            seats_.begin(), seats_.end(), [&](const auto& each) { return each->number == number; });
        if (found == seats_.end()) return;
        seat = std::move(*found);
        seats_.erase(found);
    }
    const std::lock_guard lock(seat->calling);
    seat->gone = true;
    // Within its own call what it holds goes with the seat, after the call.
    if (!seat->running) seat->listener = {};
}

EventHub::Subscription::Subscription(Subscription&& other) noexcept
    : hub_(std::exchange(other.hub_, nullptr)), number_(other.number_) {}

EventHub::Subscription& EventHub::Subscription::operator=(Subscription&& other) noexcept {
    if (this != &other) {
        if (hub_ != nullptr) hub_->remove(number_);
        hub_ = std::exchange(other.hub_, nullptr);
        number_ = other.number_;
    }
    return *this;
}

EventHub::Subscription::~Subscription() {
    if (hub_ != nullptr) hub_->remove(number_);
}

}  // namespace sg::jobs
