#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include <pipeline/stage.hpp>

namespace sg::pipeline {

/// What an edge does when it is full.
enum class OverflowPolicy {
    kBlock,  ///< the sender waits: files
    /// Live. Packets are dropped until a key packet fits again. Of frames the oldest goes for each
    /// that comes, so that what the reader gets is never old. A frame that a Cue marks stays, over
    /// the bounds up to twice as many items: without it a GOP would have no start.
    kDropToKeyFrame,
    kFail,  ///< the graph ends with kLimit
};

/// An edge is never unbounded. Zero duration means "no bound on media time".
struct EdgeOptions {
    std::string name{};
    std::size_t max_items = 8;
    std::size_t max_bytes = std::size_t{256} << 20;
    std::chrono::nanoseconds max_duration{0};
    OverflowPolicy policy = OverflowPolicy::kBlock;
};

struct EdgeCounters {
    std::string name;
    std::uint64_t items = 0;
    std::uint64_t dropped = 0;
    std::size_t most_items = 0;
    std::size_t most_bytes = 0;
};

/// The one queue in front of a lane. All edges into a lane share it, in order of arrival, so a
/// reader never waits on one edge while another is full; each edge is bounded by its own options: a
/// media item waits (or is dropped, or fails) while its edge holds max_items others, or would go
/// past max_bytes or max_duration; an item that alone is too large passes when the edge is empty.
/// Items that steer are never dropped and do not count, up to 4 x max_items of them. Thread-safe:
/// any number of writers, one reader.
class Inbox {
  public:
    Inbox() = default;
    Inbox(const Inbox&) = delete;
    Inbox& operator=(const Inbox&) = delete;

    /// Before any thread runs. Returns the edge's number.
    int add_edge(EdgeOptions options);

    /// Waits as the edge's policy says. kDone after close() or close_edge(), kCancelled on stop,
    /// kLimit for a full kFail edge and for steering items past their bound on an edge that does
    /// not block.
    [[nodiscard]] Result<Flow> push(int edge, Item item, std::stop_token stop);

    struct Entry {
        int edge = 0;
        Item item;
    };
    /// Waits for an item; kCancelled on stop and after close().
    [[nodiscard]] Result<Entry> pop(std::stop_token stop);

    /// The reader is gone: writers get kDone, what is queued is dropped.
    void close();

    /// The reader needs nothing more from one edge: its writer gets kDone, what is queued of it is
    /// dropped.
    void close_edge(int edge);

    [[nodiscard]] std::vector<EdgeCounters> counters() const;

  private:
    struct Edge {
        EdgeOptions options;
        media::Timebase timebase{0, 1};
        std::size_t items = 0;     ///< media only
        std::size_t steering = 0;  ///< the other items
        std::size_t bytes = 0;
        std::deque<std::int64_t>
            times;  ///< of queued media in nanoseconds; media::kNoTime where unknown
        bool dropping = false;
        bool cued = false;  ///< the next media item is marked
        bool closed = false;
        EdgeCounters counters;
    };

    [[nodiscard]] static bool full(const Edge& edge, const Item& item);
    void enqueue(Edge& edge, int number, Item item);
    /// False when every frame of the edge is marked.
    bool drop_oldest_frame(Edge& edge, int number);

    mutable std::mutex mutex_;
    std::condition_variable_any readable_;
    std::condition_variable_any writable_;
    std::deque<Entry> queue_;
    std::vector<Edge> edges_;
    int waiting_writers_ = 0;
    bool closed_ = false;
};

}  // namespace sg::pipeline
