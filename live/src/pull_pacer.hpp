#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <base/clock.hpp>
#include <ingest/live_unit.hpp>

namespace sg::live {

/// A unit with what must be said before it. Its times are nanoseconds that never wrap.
struct PacedUnit {
    std::uint64_t epoch = 0;  ///< times of another one are not related to these
    std::vector<int> ended;   ///< tracks that are gone; before `tracks`
    std::vector<ingest::LiveTrack> tracks;
    ingest::LiveUnit unit;
};

/// Media that comes a segment at a time, given on in the order and at the pace of its own clock, as
/// a live sender would. On its home thread.
class PullPacer {
  public:
    using Deliver = std::function<void(PacedUnit unit)>;

    /// `done` follows each run of `deliver`.
    PullPacer(boost::asio::io_context& home,
              const Clock& clock,
              Deliver deliver,
              std::function<void()> done);
    ~PullPacer();
    PullPacer(const PullPacer&) = delete;
    PullPacer& operator=(const PullPacer&) = delete;

    void add(std::vector<PacedUnit> units);
    /// Media time that waits.
    [[nodiscard]] std::int64_t waiting_ns() const;
    [[nodiscard]] bool empty() const { return queue_.empty(); }
    /// Gives on what is due.
    void run(Clock::Monotonic now);

  private:
    using Key = std::pair<std::uint64_t, std::int64_t>;

    void arm();
    [[nodiscard]] bool continues(const Key& key) const;
    [[nodiscard]] Clock::Monotonic due(std::int64_t at_ns) const;
    [[nodiscard]] Clock::Monotonic due_or_jump(const Key& key, Clock::Monotonic now) const;
    void rebase(const Key& first, Clock::Monotonic now);

    const Clock& clock_;
    Deliver deliver_;
    std::function<void()> done_;
    std::multimap<Key, PacedUnit> queue_;
    std::optional<std::uint64_t> epoch_;
    Clock::Monotonic base_{};
    std::int64_t base_ns_ = 0;
    std::int64_t last_ns_ = 0;
    boost::asio::steady_timer timer_;
    bool armed_ = false;
    std::shared_ptr<PullPacer*> self_;  ///< handlers hold it weakly
};

}  // namespace sg::live
