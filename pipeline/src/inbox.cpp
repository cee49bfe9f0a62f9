#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include <pipeline/inbox.hpp>

namespace sg::pipeline {
namespace {

constexpr std::size_t kSteeringPerItem = 4;

std::int64_t nanoseconds(const Item& item, media::Timebase timebase) {
    if (!timebase.positive()) return media::kNoTime;
    return media::rescale(item_time(item), timebase, media::kNanoseconds, media::Rounding::kDown);
}

bool starts_afresh(const Item& item) {
    const auto* packet = std::get_if<media::Packet>(&item);
    return packet == nullptr || packet->key();
}

}  // namespace

int Inbox::add_edge(EdgeOptions options) {
    const std::lock_guard lock(mutex_);
    Edge edge;
    edge.counters.name = options.name;
    edge.options = std::move(options);
    edges_.push_back(std::move(edge));
    return static_cast<int>(edges_.size()) - 1;
}

bool Inbox::full(const Edge& edge, const Item& item) {
    const auto& options = edge.options;
    if (!carries_media(item)) return edge.steering >= kSteeringPerItem * options.max_items;
    if (edge.items == 0) return false;
    if (edge.items >= options.max_items) return true;
    const auto bytes = item_bytes(item);
    if (bytes > options.max_bytes || edge.bytes > options.max_bytes - bytes) return true;
    if (options.max_duration.count() <= 0) return false;
    const auto now = nanoseconds(item, edge.timebase);
    const auto oldest = edge.times.front();
    return now != media::kNoTime && oldest != media::kNoTime && now > oldest &&
           static_cast<media::Int128>(now) - oldest >= options.max_duration.count();
}

void Inbox::enqueue(Edge& edge, int number, Item item) {
    if (carries_media(item)) {
        ++edge.items;
        edge.bytes += item_bytes(item);
        edge.times.push_back(nanoseconds(item, edge.timebase));
    } else {
        ++edge.steering;
        if (std::holds_alternative<Cue>(item)) edge.cued = true;
        const auto* start = std::get_if<StreamStart>(&item);
        if (start != nullptr && start->info) edge.timebase = start->info->timebase;
    }
    ++edge.counters.items;
    edge.counters.most_items = std::max(edge.counters.most_items, edge.items);
    edge.counters.most_bytes = std::max(edge.counters.most_bytes, edge.bytes);
    queue_.push_back({number, std::move(item)});
    readable_.notify_one();
}

bool Inbox::drop_oldest_frame(Edge& edge, int number) {
    bool marked = false;
    std::ptrdiff_t position = 0;
    for (auto entry = queue_.begin(); entry != queue_.end(); ++entry) {
        if (entry->edge != number) continue;
        if (!carries_media(entry->item)) {
            marked = marked || std::holds_alternative<Cue>(entry->item);
            continue;
        }
        if (!std::exchange(marked, false)) {
            --edge.items;
            edge.bytes -= item_bytes(entry->item);
            edge.times.erase(edge.times.begin() + position);
            ++edge.counters.dropped;
            queue_.erase(entry);
            return true;
        }
        ++position;
    }
    return false;
}

Result<Flow> Inbox::push(int number, Item item, std::stop_token stop) {
    std::unique_lock lock(mutex_);
    auto& edge = edges_.at(static_cast<std::size_t>(number));
    const auto gone = [&] { return closed_ || edge.closed; };
    const Error cancelled{Errc::kCancelled, "stopped"};

    if (stop.stop_requested()) return cancelled;
    if (gone()) return Flow::kDone;
    const bool is_media = carries_media(item);
    if (edge.options.policy == OverflowPolicy::kBlock) {
        if (full(edge, item)) {
            ++waiting_writers_;
            const bool ready =
                writable_.wait(lock, stop, [&] { return gone() || !full(edge, item); });
            --waiting_writers_;
            if (!ready || stop.stop_requested()) return cancelled;
            if (gone()) return Flow::kDone;
        }
    } else if (is_media && edge.options.policy == OverflowPolicy::kDropToKeyFrame) {
        const bool marked =
            std::exchange(edge.cued, false) && edge.items < 2 * edge.options.max_items;
        if (marked) {
            enqueue(edge, number, std::move(item));
            return Flow::kContinue;
        }
        if (std::holds_alternative<media::Frame>(item)) {
            while (full(edge, item) && drop_oldest_frame(edge, number)) {
            }
        }
        if (full(edge, item)) edge.dropping = true;
        if (edge.dropping && (full(edge, item) || !starts_afresh(item))) {
            ++edge.counters.dropped;
            return Flow::kContinue;
        }
        edge.dropping = false;
    } else if (full(edge, item)) {
        return Error{
            Errc::kLimit,
            fmt::format("edge {}: full at {} items and {} bytes (its reader is too slow, or "
                        "the source interleaves more coarsely than the edge is long)",
                        edge.options.name,
                        is_media ? edge.items : edge.steering,
                        edge.bytes)};
    }
    enqueue(edge, number, std::move(item));
    return Flow::kContinue;
}

Result<Inbox::Entry> Inbox::pop(std::stop_token stop) {
    std::unique_lock lock(mutex_);
    readable_.wait(lock, stop, [&] { return closed_ || !queue_.empty(); });
    if (stop.stop_requested() || queue_.empty()) return Error{Errc::kCancelled, "stopped"};
    auto entry = std::move(queue_.front());
    queue_.pop_front();
    auto& edge = edges_.at(static_cast<std::size_t>(entry.edge));
    if (carries_media(entry.item)) {
        --edge.items;
        edge.bytes -= item_bytes(entry.item);
        edge.times.pop_front();
    } else {
        --edge.steering;
    }
    if (waiting_writers_ > 0) writable_.notify_all();
    return entry;
}

void Inbox::close() {
    std::deque<Entry> dropped;  // freed after the lock: payloads may be large
    const std::lock_guard lock(mutex_);
    closed_ = true;
    dropped.swap(queue_);
    for (auto& edge : edges_) {
        edge.items = edge.steering = edge.bytes = 0;
        edge.times.clear();
    }
    readable_.notify_all();
    writable_.notify_all();
}

void Inbox::close_edge(int number) {
    std::deque<Entry> dropped;
    const std::lock_guard lock(mutex_);
    auto& edge = edges_.at(static_cast<std::size_t>(number));
    edge.closed = true;
    const auto others = std::stable_partition(
        queue_.begin(), queue_.end(), [&](const Entry& entry) { return entry.edge != number; });
    std::move(others, queue_.end(), std::back_inserter(dropped));
    queue_.erase(others, queue_.end());
    edge.items = edge.steering = edge.bytes = 0;
    edge.times.clear();
    writable_.notify_all();
}

std::vector<EdgeCounters> Inbox::counters() const {
    const std::lock_guard lock(mutex_);
    std::vector<EdgeCounters> all;
    all.reserve(edges_.size());
    for (const auto& edge : edges_) all.push_back(edge.counters);
    return all;
}

}  // namespace sg::pipeline
