#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <variant>

#include <ingest/timeline_repair.hpp>

namespace sg::ingest::repair {

/// Delivers in order. At a border of the timeline it holds what lies behind it until all tracks
/// have come to it, so that the border stands at one place in all of them; else nothing waits.
class RepairOutput {
  public:
    using Reason = TimelineDiscontinuity::Reason;

    explicit RepairOutput(TimelineSink& sink, RepairCounters& counters)
        : sink_(sink), counters_(counters) {}

    /// A border with nothing to wait for.
    void border_now(std::int64_t at, Reason reason);
    /// Units from `border` on are held. `tracks` are those that have yet to come to it. A second
    /// call while one is open moves the border forward only.
    void open_border(std::int64_t border,
                     Reason reason,
                     std::set<int> tracks,
                     std::int64_t arrival,
                     std::int64_t least_hold);
    [[nodiscard]] bool open() const { return open_; }

    /// Something other than units of this track is held: it has its place behind the border.
    [[nodiscard]] bool told(int track) const;

    /// `track` changes its configuration here: what is held of it belongs before the border.
    void change_track(const LiveTrack& track, bool at_border);
    /// True when it lies behind the last border.
    bool unit(TimedUnit unit, std::int64_t arrival);
    void marker(TimedMarker marker);
    void end_track(int track);

    void advance(std::int64_t arrival);
    void flush();
    [[nodiscard]] std::optional<std::int64_t> deadline() const;

  private:
    using Held = std::variant<LiveTrack, TimedUnit, TimedMarker, int>;

    static constexpr std::size_t kMaxHeld = 2000;
    static constexpr std::size_t kMaxHeldBytes = 8U << 20U;
    static constexpr std::int64_t kMaxHold = 500'000'000;

    void deliver(Held& held);
    void release(int track);
    void tell_tracks();

    TimelineSink& sink_;
    RepairCounters& counters_;
    bool open_ = false;
    std::int64_t border_ = 0;
    std::int64_t opened_at_ = 0;
    std::int64_t least_hold_ = 0;
    Reason reason_ = Reason::kGap;
    std::set<int> waiting_;
    std::set<int> behind_;  ///< tracks whose units all lie behind the border from now on
    std::deque<Held> held_;
    std::size_t bytes_ = 0;
};

}  // namespace sg::ingest::repair
