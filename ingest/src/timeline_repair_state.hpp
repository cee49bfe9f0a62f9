#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <set>
#include <vector>

#include <ingest/timeline_repair.hpp>

#include "timeline_repair_output.hpp"
#include "timeline_repair_track.hpp"

namespace sg::ingest {

using repair::ClockBase;
using repair::FastForward;
using repair::RawClock;
using repair::RepairOutput;
using repair::RepairTrack;

/// Finding a unit's place is in timeline_repair_place.cpp, making it deliverable in
/// timeline_repair_state.cpp.
struct TimelineRepair::State {
    explicit State(TimelineSink& to) : output(to, counters) {}

    RepairTrack* find(int input_id);
    RepairTrack* match(const LiveTrack& track);
    const RepairTrack* reference(const RepairTrack& of, std::int64_t arrival) const;
    std::set<int> others_alive(const RepairTrack& of, std::int64_t arrival) const;

    std::int64_t session_start(std::int64_t arrival) const;
    std::int64_t place_first(RepairTrack& t,
                             std::uint64_t raw,
                             std::int64_t cts,
                             std::int64_t arrival);
    std::int64_t place(RepairTrack& t, std::uint64_t raw, std::int64_t arrival);
    std::int64_t jump(RepairTrack& t, std::uint64_t raw, std::int64_t moved, std::int64_t arrival);
    std::int64_t bound_skew(RepairTrack& t,
                            std::uint64_t raw,
                            std::int64_t time,
                            std::int64_t arrival);
    /// Takes over a base that another track found where it puts `raw` at a fitting time.
    bool adopt(RepairTrack& t, std::uint64_t raw, const std::function<bool(std::int64_t)>& fits);
    bool adopt_near(RepairTrack& t, std::uint64_t raw, std::int64_t due);
    void rebase(RepairTrack& t, std::uint64_t raw, std::int64_t time);
    void follow(RepairTrack& t, std::uint64_t raw);

    bool even_out(RepairTrack& t,
                  std::uint64_t raw,
                  std::int64_t wanted,
                  std::int64_t moved,
                  std::int64_t arrival,
                  std::int64_t& time);
    bool has_room(const RepairTrack& t, std::int64_t time);
    std::int64_t keep_ascending(RepairTrack& t,
                                std::uint64_t raw,
                                std::int64_t wanted,
                                std::int64_t moved);
    void order(RepairTrack& t, TimedUnit& unit, std::int64_t time, std::int64_t cts);
    void emit(RepairTrack& t, TimedUnit unit);
    void announce(RepairTrack& t, const TimedUnit& unit, std::int64_t arrival);
    void tell(RepairTrack& t, bool at_border);
    void forget_borders();
    void give_up_silent(std::int64_t arrival);

    RepairCounters counters;
    RepairOutput output;
    unsigned session = 0;
    RawClock clock{LiveClock{}};
    bool coarse_clock = false;  ///< milliseconds
    std::vector<std::unique_ptr<RepairTrack>> tracks;

    bool has_latest = false;
    ClockBase latest;  ///< the epoch that the input's clock is in now
    unsigned next_epoch = 0;

    bool started = false;  ///< anything was delivered, ever
    bool session_fresh = true;
    bool session_waited = false;  ///< it begins in the past, with what was kept of it
    FastForward fast_forward;
    std::int64_t session_began = 0;
    std::int64_t now = std::numeric_limits<std::int64_t>::min();
    std::int64_t last_push = 0;
    std::int64_t resumed = 0;  ///< when something came after all had been silent
    std::int64_t first_arrival = 0;
    std::int64_t anchor_lead = 0;  ///< of the channel's first seconds
    std::int64_t dts_end = TimelineRepair::kOriginNs;
    std::int64_t pts_end = TimelineRepair::kOriginNs;
    std::int64_t front_arrival = 0;
    std::int64_t front_interval = 0;
};

namespace repair {

inline std::int64_t magnitude(std::int64_t value) {
    return value < 0 ? -value : value;
}

}  // namespace repair

}  // namespace sg::ingest
