#pragma once

#include <pipeline/stage.hpp>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

namespace sg::pipeline {

/// What an edge does when it is full.
enum class OverflowPolicy {
    kBlock,           ///< the sender waits: files
    kDropToKeyFrame,  ///< media is dropped until a key packet (or any frame) fits again: live
    kFail,            ///< the graph ends with kLimit
};

/// An edge is never unbounded. Zero duration means "no bound on media time".
struct EdgeOptions {
    std::string name;
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

/// The one queue in front of a lane. All edges into a lane share it, in order of arrival, so a reader never waits on one edge while
/// another is full; each edge is bounded by its own options. Thread-safe: any number of writers, one reader.
class Inbox {
  public:
    Inbox() = default;
    Inbox(const Inbox&) = delete;
    Inbox& operator=(const Inbox&) = delete;

    /// Before any thread runs. Returns the edge's number.
    int add_edge(EdgeOptions options);

    /// Waits as the edge's policy says. kDone after close(), kCancelled on stop, kLimit for a full kFail edge.
    [[nodiscard]] Result<Flow> push(int edge, Item item, std::stop_token stop);

    struct Entry {
        int edge = 0;
        Item item;
    };
    /// Waits for an item; kCancelled on stop.
    [[nodiscard]] Result<Entry> pop(std::stop_token stop);

    /// The reader is gone: writers get kDone, what is queued is dropped.
    void close();

    [[nodiscard]] std::vector<EdgeCounters> counters() const;

  private:
    struct Edge {
        EdgeOptions options;
        media::Timebase timebase{0, 1};
        std::size_t items = 0;
        std::size_t bytes = 0;
        std::int64_t newest = media::kNoTime;
        std::int64_t oldest = media::kNoTime;
        bool dropping = false;
        EdgeCounters counters;
    };

    [[nodiscard]] bool full(const Edge& edge) const;
    [[nodiscard]] bool drop(Edge& edge, const Item& item) const;

    mutable std::mutex mutex_;
    std::condition_variable_any readable_;
    std::condition_variable_any writable_;
    std::deque<Entry> queue_;
    std::vector<Edge> edges_;
    bool closed_ = false;
};

}  // namespace sg::pipeline
