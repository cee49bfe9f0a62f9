#include "timeline_repair_state.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace sg::ingest {

using namespace repair;

namespace {

constexpr std::int64_t kAlive = kSecond;
constexpr std::int64_t kPromised = 500 * kMs;
constexpr std::int64_t kSilent = 3 * kSecond;
constexpr std::int64_t kKeyWait = 5 * kSecond;
/// For the other tracks' configurations to come along.
constexpr std::int64_t kGatherChanges = 100 * kMs;
/// Players pass over so much between two sessions.
constexpr std::int64_t kSeam = 70 * kMs;
constexpr std::int64_t kAnchorTime = 10 * kSecond;
constexpr std::int64_t kMaxDelay = 500 * kMs;
constexpr int kBehindLimit = 8;

}  // namespace

RepairTrack* TimelineRepair::State::find(int input_id) {
    for (const auto& t : tracks) {
        if (t->in_session && t->input_id == input_id) return t.get();
    }
    return nullptr;
}

/// The channel's track that an input's new one continues.
RepairTrack* TimelineRepair::State::match(const LiveTrack& track) {
    RepairTrack* best = nullptr;
    int best_score = -1;
    for (const auto& t : tracks) {
        if (t->in_session || t->video != formats::is_video(track.config.codec)) continue;
        const int score = (same_config(t->track, track) ? 2 : 0) +
                          (t->track.language == track.language ? 4 : 0) +
                          (t->track.config.codec == track.config.codec ? 1 : 0);
        if (score > best_score) {
            best_score = score;
            best = t.get();
        }
    }
    return best;
}

std::set<int> TimelineRepair::State::others_alive(const RepairTrack& of,
                                                  std::int64_t arrival) const {
    std::set<int> alive;
    for (const auto& t : tracks) {
        if (t.get() != &of && t->in_session && t->placed && t->announced &&
            std::max(arrival - t->last_arrival, dts_end - t->last_dts) < kAlive) {
            alive.insert(t->track.id);
        }
    }
    return alive;
}

/// Audio on the sum of its frames' durations. False: drop it.
bool TimelineRepair::State::even_out(RepairTrack& t,
                                     std::uint64_t raw,
                                     std::int64_t wanted,
                                     std::int64_t moved,
                                     std::int64_t arrival,
                                     std::int64_t& time) {
    const std::int64_t expected =
        t.lead.empty() ? std::numeric_limits<std::int64_t>::max() : arrival + t.lead.value();
    const Cadence::Step step = t.cadence.next(wanted, moved, expected);
    time = step.time;
    switch (step.outcome) {
        case Cadence::Outcome::kDrop:
            ++counters.overlaps_dropped;
            return false;
        case Cadence::Outcome::kStuck:
            ++counters.audio_stuck;
            break;
        case Cadence::Outcome::kResync:
            ++counters.audio_resyncs;
            break;
        case Cadence::Outcome::kRebase:
            ++counters.audio_resyncs;
            rebase(t, raw, time);
            t.last_wanted = time;
            break;
        case Cadence::Outcome::kEven:
            break;
    }
    return true;
}

/// Sound needs no past: what comes before the other session's end is left out. (Where the track
/// goes on its cadence sees to that.)
bool TimelineRepair::State::has_room(const RepairTrack& t, std::int64_t time) {
    if (t.ever || !fast_forward.hides(time)) return true;
    ++counters.overlaps_dropped;
    return false;
}

/// A clock that stands still or fell back by little must not press pictures together for good.
std::int64_t TimelineRepair::State::keep_ascending(RepairTrack& t,
                                                   std::uint64_t raw,
                                                   std::int64_t wanted,
                                                   std::int64_t moved) {
    if (!t.ever || t.session_units == 0 || wanted > t.last_time) {
        t.behind = 0;
        return wanted;
    }
    ++t.behind;
    if (moved > 0 && adopt_near(t, raw, t.last_time + t.behind * t.interval)) {
        t.behind = 0;
        return t.last_wanted = t.base.time_at(clock, raw);
    }
    if (t.behind < kBehindLimit) return wanted;
    if (moved > 0) ++counters.jumps_back;
    // The pictures since the last one in order took their time, too.
    const std::int64_t pictures = t.behind == kBehindLimit ? kBehindLimit : 1;
    if (moved > 0) t.behind = 0;
    const std::int64_t due = t.last_time + pictures * t.interval;
    // Arrival knows the rate better than times in whole milliseconds did.
    rebase(t, raw, std::clamp(now + t.lead.value(), due - t.interval / 2, due + t.interval / 2));
    t.last_wanted = t.base.offset_ns;
    return t.base.offset_ns;
}

/// Decode times ascend and stay below display times.
void TimelineRepair::State::order(RepairTrack& t,
                                  TimedUnit& unit,
                                  std::int64_t time,
                                  std::int64_t cts) {
    if (unit.key && t.dts_delay_wanted > t.dts_delay) t.dts_delay = t.dts_delay_wanted;
    unit.dts_ns = time - t.dts_delay;
    unit.pts_ns = time + cts;
    const std::int64_t least = t.ever ? t.last_dts + kMinStep : unit.dts_ns;
    if (t.dts_delay > 0 && least <= unit.pts_ns) {
        if (cts == 0) ++counters.missing_cts;
        unit.dts_ns = std::clamp(unit.dts_ns, least, unit.pts_ns);
    } else if (unit.dts_ns < least || unit.pts_ns < unit.dts_ns) {
        ++counters.dts_fixed;
        unit.dts_ns = std::max(least, std::min(unit.dts_ns, unit.pts_ns));
        if (unit.pts_ns < unit.dts_ns) {
            // Times in display order with no decode times of their own: from the next key frame on
            // decoding runs early enough for all of them.
            if (t.video) {
                t.dts_delay_wanted = std::clamp(t.dts_delay + unit.dts_ns - unit.pts_ns + 2 * kMs,
                                                t.dts_delay_wanted,
                                                kMaxDelay);
            }
            unit.pts_ns = unit.dts_ns;
        }
    }
}

void TimelineRepair::State::forget_borders() {
    for (const auto& t : tracks) t->units_since_border = 0;
}

void TimelineRepair::State::tell(RepairTrack& t, bool at_border) {
    t.config_pending = t.config_changed = false;
    t.announced = true;
    t.told = t.track;
    output.change_track(t.track, at_border);
}

/// Border and configuration that come before a unit.
void TimelineRepair::State::announce(RepairTrack& t, const TimedUnit& unit, std::int64_t arrival) {
    const std::int64_t gap = unit.dts_ns - dts_end;
    if (session_fresh) {
        session_fresh = false;
        const bool changed = std::any_of(tracks.begin(), tracks.end(), [](const auto& other) {
            return other->in_session && other->config_changed;
        });
        // Players stop at a hole inside a segment; behind a border they go on at once.
        const bool hole = gap > std::max(kSeam, 2 * front_interval);
        if (started && (hole || changed)) {
            forget_borders();
            if (gap > kGap) ++counters.gaps_kept;
            output.border_now(unit.pts_ns,
                              changed ? TimelineDiscontinuity::Reason::kParameters
                                      : TimelineDiscontinuity::Reason::kSession);
        }
        for (const auto& other : tracks) {
            if (other->in_session && other->config_pending) tell(*other, false);
        }
        return;
    }
    if (gap > kGap && !output.open() && t.session_units > 2) {
        ++counters.gaps_kept;
        forget_borders();
        output.open_border(dts_end + gap / 2,
                           TimelineDiscontinuity::Reason::kGap,
                           others_alive(t, t.last_arrival),
                           arrival,
                           0);
    }
    if (!t.config_pending && t.announced) return;
    if (output.told(t.track.id)) output.flush();
    const bool border = t.config_changed && (output.open() || t.units_since_border > 0);
    if (border) {
        const std::set<int> others = others_alive(t, arrival);
        if (!output.open()) forget_borders();
        output.open_border(unit.pts_ns,
                           TimelineDiscontinuity::Reason::kParameters,
                           others,
                           arrival,
                           others.empty() ? 0 : kGatherChanges);
    }
    tell(t, border);
}

void TimelineRepair::State::emit(RepairTrack& t, TimedUnit unit) {
    const std::int64_t arrival = unit.arrival_ns;
    announce(t, unit, arrival);
    if (!started) {
        started = true;
        first_arrival = arrival;
        anchor_lead = unit.dts_ns - arrival;
    }
    if (arrival - first_arrival < kAnchorTime) {
        anchor_lead = std::max(anchor_lead, unit.dts_ns - arrival);
    }
    t.ever = true;
    t.last_dts = unit.dts_ns;
    ++t.session_units;
    const std::int64_t due = unit.dts_ns + t.interval;
    pts_end = std::max(pts_end, unit.pts_ns + t.interval);
    if (due >= dts_end) {
        dts_end = due;
        front_arrival = arrival;
        front_interval = t.interval;
    }
    if (output.unit(std::move(unit), arrival)) ++t.units_since_border;
}

void TimelineRepair::State::give_up_silent(std::int64_t arrival) {
    // While the network stands still no track is silent beside others.
    if (arrival - last_push >= kSilent) resumed = arrival;
    last_push = arrival;
    if (session_fresh) return;
    for (const auto& t : tracks) {
        if (!t->announced) continue;
        std::int64_t since = 0;
        std::int64_t limit = kPromised;
        if (!t->in_session) {
            since = session_began;
        } else if (!t->placed) {
            since = t->announced_at;
            // Its pictures come; who joins in the middle waits for a key frame.
            if (t->before_key_at != 0 && arrival - t->before_key_at <= kAlive) limit = kKeyWait;
        } else {
            since = t->last_arrival;
            limit = std::max(kSilent, 4 * t->interval);
        }
        if (arrival - std::max(since, resumed) <= limit) continue;
        t->announced = false;
        t->config_pending = t->in_session;
        ++counters.tracks_silent;
        output.end_track(t->track.id);
    }
}

}  // namespace sg::ingest
