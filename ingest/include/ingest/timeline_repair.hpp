#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <ingest/live_unit.hpp>
#include <ingest/timed_unit.hpp>

namespace sg::ingest {

/// How often each kind of repair was made. All count from the beginning of the channel.
struct RepairCounters {
    std::uint64_t sessions = 0;
    std::uint64_t units = 0;          ///< delivered
    std::uint64_t wraps = 0;          ///< the input's clock started again at zero, as it must
    std::uint64_t jumps_forward = 0;  ///< over ten seconds that did not pass
    std::uint64_t jumps_back = 0;
    std::uint64_t holes_closed = 0;      ///< up to ten seconds in the times that did not pass
    std::uint64_t gaps_kept = 0;         ///< over one second in which nothing came
    std::uint64_t tracks_realigned = 0;  ///< a clock of its own, set by arrival
    std::uint64_t audio_resyncs = 0;     ///< over 100 ms off the sum of frame durations
    std::uint64_t audio_stuck = 0;       ///< frames whose time stood still
    std::uint64_t overlaps_dropped = 0;  ///< audio frames before the end of what was delivered
    std::uint64_t dts_fixed = 0;         ///< not ascending, or above pts
    std::uint64_t missing_cts = 0;       ///< pictures whose display time was derived
    std::uint64_t damaged_units = 0;
    std::uint64_t before_key = 0;   ///< pictures dropped since no key frame had come
    std::uint64_t stale_units = 0;  ///< from a session that is over, or of no known track
    std::uint64_t parameter_changes = 0;
    std::uint64_t tracks_silent = 0;  ///< promised or flowing, then nothing while others went on
    std::uint64_t discontinuities = 0;
};

/// A border of the whole timeline: all units delivered before it lie before, all after it from
/// `at_ns` on, in all tracks. (A track that came more than half a second late may break this.)
struct TimelineDiscontinuity {
    enum class Reason { kGap, kParameters, kSession };
    std::int64_t at_ns = 0;  ///< earliest presentation time behind the border
    Reason reason = Reason::kGap;
};

/// LiveMarker on the channel's timeline.
struct TimedMarker {
    LiveMarker::Kind kind = LiveMarker::Kind::kMetadata;
    std::int64_t time_ns = 0;
    std::vector<std::byte> data;
};

/// Takes the repaired timeline, in order. Must not block nor call back.
class TimelineSink {
  public:
    virtual ~TimelineSink() = default;
    /// A new track, or another configuration from here on. `track.id` is the channel's, kept over
    /// sessions: the new publisher's first video continues the old one's.
    virtual void on_track(const LiveTrack& track) = 0;
    virtual void on_unit(TimedUnit unit) = 0;
    virtual void on_marker(TimedMarker marker) = 0;
    /// It ended, or nothing came of it while others went on: wait for it no more. Announced again
    /// should it come back.
    virtual void on_track_end(int track) = 0;
    virtual void on_discontinuity(const TimelineDiscontinuity& discontinuity) = 0;
};

/// Puts what live inputs deliver on one continuous timeline per channel: whatever a sender's clock
/// does, times go on with arrival, and tracks keep their relation. Nothing is held back but after
/// a discontinuity, for half a second at most. Arrival times are nanoseconds of a steady clock,
/// handed in. One thread.
class TimelineRepair {
  public:
    /// The first unit of a channel lies here, so that tracks that begin earlier have room.
    static constexpr std::int64_t kOriginNs = 10'000'000'000;

    explicit TimelineRepair(TimelineSink& sink);
    ~TimelineRepair();
    TimelineRepair(const TimelineRepair&) = delete;
    TimelineRepair& operator=(const TimelineRepair&) = delete;

    /// A publisher, or another input, takes over the timeline: it goes on at the end of what was
    /// delivered plus the time that passed since. `arrival_ns` may lie in the past, and the units'
    /// up to now follow: an input that was kept ready from a key frame on. Pictures of it that came
    /// before the end of what was delivered pass in a moment, so that nothing is shown twice and
    /// times keep their relation to arrival; such sound is left out. Returns the session that the
    /// calls below name; calls for an older one do nothing.
    unsigned begin_session(const LiveClock& clock, std::int64_t arrival_ns);

    /// Announces a track or changes its configuration; the same again is silent.
    void track(unsigned session, const LiveTrack& track, std::int64_t arrival_ns);
    void push(unsigned session, LiveUnit unit, std::int64_t arrival_ns);
    void marker(unsigned session, LiveMarker marker, std::int64_t arrival_ns);
    void end_track(unsigned session, int track, std::int64_t arrival_ns);

    /// Lets time pass while nothing arrives: delivers what is held and gives up silent tracks.
    void advance(std::int64_t arrival_ns);
    /// When advance() has something to do at the latest; nothing while all flows.
    [[nodiscard]] std::optional<std::int64_t> deadline_ns() const;

    [[nodiscard]] const RepairCounters& counters() const;
    /// End of what was delivered; kOriginNs before the first unit.
    [[nodiscard]] std::int64_t end_ns() const;
    /// How much earlier sound arrives than pictures of the same time; 0 unless both flow.
    [[nodiscard]] std::int64_t arrival_skew_ns() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace sg::ingest
