#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include <base/clock.hpp>

namespace sg::ingest {

/// The date of instants on a channel's timeline, for PROGRAM-DATE-TIME: media time plus a smoothed
/// estimate of how long after it units arrive. The wall clock is read once; from then on the steady
/// clock counts, and wall clock readings only slew it, at most 0.05 %. One thread.
class ArrivalClock {
  public:
    /// Both clocks at one instant.
    ArrivalClock(Clock::Wall wall, Clock::Monotonic steady);

    /// A unit of media time `media_ns` arrived. The earliest of the last seconds count: the network
    /// only ever delays. The estimate stays as it is until it is 50 ms off; then it follows by at
    /// most 0.02 % of the media time that passes, by 0.5 % while it is over a second off, until it
    /// is right. Behind restart() it is set at once.
    void observe(std::int64_t media_ns, Clock::Monotonic arrival);
    /// The relation of media to arrival may be another from here on: a discontinuity.
    void restart();
    /// What the wall clock says now. Followed once it is 50 ms off; steps never show at once.
    void observe_wall(Clock::Wall wall, Clock::Monotonic steady);

    /// Nothing before the first observation. For ascending times, asked for in any order with
    /// observations, the answers ascend.
    [[nodiscard]] std::optional<Clock::Wall> date_of(std::int64_t media_ns);

    /// When it arrived, or will: as measured over the last seconds, by the wall clock as it was
    /// last told, nothing smoothed.
    [[nodiscard]] std::optional<Clock::Wall> arrival_of(std::int64_t media_ns) const;

    /// Continues the dates of an earlier run of the channel: no answer comes before this. Where the
    /// wall clock is behind it, dates begin there, and come back to the wall clock as it slews.
    void not_before(Clock::Wall date) { floor_ = date; }

  private:
    using Nanos = std::chrono::nanoseconds;

    [[nodiscard]] std::int64_t lag() const { return current_ < previous_ ? current_ : previous_; }

    Clock::Wall wall_;
    Clock::Monotonic steady_;
    std::int64_t wall_offset_ = 0;  ///< slewed so far, ns
    std::int64_t wall_step_ = 0;    ///< as last told
    bool wall_following_ = false;
    std::int64_t wall_seen_ = 0;  ///< steady ns of the last observe_wall()

    bool running_ = false;
    bool fresh_ = true;
    bool following_ = false;
    std::int64_t began_ = 0;     ///< of the current bucket, arrival ns
    std::int64_t current_ = 0;   ///< least arrival minus media in it
    std::int64_t previous_ = 0;  ///< and in the one before
    std::int64_t estimate_ = 0;
    std::int64_t media_ = 0;  ///< the furthest seen

    std::optional<std::int64_t> asked_;  ///< the furthest media time asked for
    Clock::Wall told_{};
    std::optional<Clock::Wall> floor_;
};

}  // namespace sg::ingest
