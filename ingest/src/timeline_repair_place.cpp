#include <optional>
#include <utility>

#include "timeline_repair_state.hpp"

namespace sg::ingest {

using namespace repair;

namespace {

/// A hole up to this is counted as one, above it is a jump of the clock.
constexpr std::int64_t kLargestHole = 10 * kSecond;
/// Two tracks that make one jump meet it at places that differ by no more.
constexpr std::int64_t kSameJump = 200 * kMs;
constexpr std::int64_t kSmallJump = 100 * kMs;
constexpr std::int64_t kSamePlace = 50 * kMs;

}  // namespace

/// The flowing track that others are held against: pictures before sound.
const RepairTrack* TimelineRepair::State::reference(const RepairTrack& of,
                                                    std::int64_t arrival) const {
    const RepairTrack* found = nullptr;
    for (const auto& t : tracks) {
        if (t.get() == &of || !t->in_session || !t->placed ||
            arrival - t->last_arrival > 2 * kSecond) {
            continue;
        }
        if (found == nullptr || (t->video && !found->video)) found = t.get();
    }
    return found;
}

std::int64_t TimelineRepair::State::session_start(std::int64_t arrival) const {
    if (!started) return kOriginNs;
    const std::int64_t passed = arrival - front_arrival - front_interval;
    if (session_waited && passed < 0) return pts_end + passed;
    const std::int64_t after_wait = pts_end + std::max<std::int64_t>(passed, 0);
    // A sender that starts with a backlog runs ahead of arrival: the wait takes that back.
    return std::max(pts_end, std::min(after_wait, arrival + anchor_lead));
}

void TimelineRepair::State::rebase(RepairTrack& t, std::uint64_t raw, std::int64_t time) {
    t.base = ClockBase{next_epoch++, time, raw, 0};
    t.placed = true;
}

/// The track's base goes on to `raw`.
void TimelineRepair::State::follow(RepairTrack& t, std::uint64_t raw) {
    t.base.ticks = t.base.ticks_at(clock, raw);
    t.base.raw = raw;
    if (t.base.epoch != latest.epoch) {
        const bool left = std::none_of(tracks.begin(), tracks.end(), [&](const auto& other) {
            return other->placed && other->base.epoch == latest.epoch;
        });
        if (left) latest = t.base;
        return;
    }
    if (clock.step(latest.raw, raw) <= 0) return;
    if (raw < latest.raw) ++counters.wraps;
    latest = t.base;
}

std::int64_t TimelineRepair::State::place_first(RepairTrack& t,
                                                std::uint64_t raw,
                                                std::int64_t cts,
                                                std::int64_t arrival) {
    if (!has_latest) {
        rebase(t, raw, session_start(arrival) - std::max<std::int64_t>(cts, 0));
        latest = t.base;
        has_latest = true;
        return latest.offset_ns;
    }
    const RepairTrack* held_against = reference(t, arrival);
    if (held_against == nullptr) {
        t.base = latest;
        t.placed = true;
        const std::int64_t time = t.base.time_at(clock, raw);
        const std::int64_t expected = session_start(arrival);
        if (magnitude(time - expected) <= kMaxSkew) return time;
        ++counters.tracks_realigned;
        rebase(t, raw, expected);
        return expected;
    }
    const std::int64_t low = arrival + std::min(held_against->lead.value(), held_against->lead_now);
    const std::int64_t high =
        arrival + std::max(held_against->lead.value(), held_against->lead_now);
    const auto off = [&](std::int64_t time) {
        return time < low ? low - time : std::max<std::int64_t>(time - high, 0);
    };
    std::optional<ClockBase> best;
    const auto consider = [&](const ClockBase& base) {
        const std::int64_t distance = off(base.time_at(clock, raw));
        if (distance <= kMaxSkew && (!best || distance < off(best->time_at(clock, raw)))) {
            best = base;
        }
    };
    consider(latest);
    for (const auto& other : tracks) {
        if (other.get() != &t && other->placed) consider(other->base);
    }
    if (best) {
        t.base = *best;
        t.placed = true;
        return t.base.time_at(clock, raw);
    }
    ++counters.tracks_realigned;
    rebase(t, raw, high);
    return high;
}

std::int64_t TimelineRepair::State::place(RepairTrack& t, std::uint64_t raw, std::int64_t arrival) {
    const std::int64_t time = t.base.time_at(clock, raw);
    const std::int64_t moved = time - t.last_wanted;
    const std::int64_t hole = std::max(kHole, 4 * t.interval);
    if (moved > -kHole && moved <= hole) {
        if (!t.video && t.cadence.active() && magnitude(time - t.cadence.due()) > kSmallJump &&
            magnitude(moved) > kMinStep) {
            // Too little to tell from jitter in pictures; sound says where it belongs.
            if (adopt_near(t, raw, t.cadence.due())) return t.base.time_at(clock, raw);
            if (moved < -kSmallJump) return jump(t, raw, moved, arrival);
        }
        return bound_skew(t, raw, time, arrival);
    }
    t.cadence.restart();
    // As much time has passed as the times say, or the network had kept units back that long.
    if (moved > 0 && time - (arrival + t.lead.value()) <= kEarly) {
        return bound_skew(t, raw, time, arrival);
    }
    return jump(t, raw, moved, arrival);
}

bool TimelineRepair::State::adopt(RepairTrack& t,
                                  std::uint64_t raw,
                                  const std::function<bool(std::int64_t)>& fits) {
    const auto take = [&](const ClockBase& base) {
        if (base.epoch == t.base.epoch || !fits(base.time_at(clock, raw))) return false;
        t.base = base;
        return true;
    };
    return take(latest) || std::any_of(tracks.begin(), tracks.end(), [&](const auto& other) {
               return other.get() != &t && other->placed && take(other->base);
           });
}

bool TimelineRepair::State::adopt_near(RepairTrack& t, std::uint64_t raw, std::int64_t due) {
    return adopt(t, raw, [&](std::int64_t time) { return magnitude(time - due) <= kSamePlace; });
}

std::int64_t TimelineRepair::State::jump(RepairTrack& t,
                                         std::uint64_t raw,
                                         std::int64_t moved,
                                         std::int64_t arrival) {
    const std::int64_t due = t.cadence.active() ? t.cadence.due() : t.last_time + t.interval;
    const std::int64_t expected = arrival + t.lead.value();
    // Another track may have met the same jump first: the relation of the two is kept.
    const auto plausible = [&](std::int64_t time) {
        return std::min(magnitude(time - due), magnitude(time - expected)) <= kSameJump ||
               (expected - due > kHole && magnitude(time - expected) <= kSecond);
    };
    if (adopt(t, raw, plausible)) return t.base.time_at(clock, raw);
    if (moved < 0) {
        ++counters.jumps_back;
    } else if (moved <= kLargestHole) {
        ++counters.holes_closed;
    } else {
        ++counters.jumps_forward;
    }
    const std::int64_t passed = std::min(expected - t.last_time, arrival - t.last_arrival);
    rebase(t, raw, passed > kHole ? std::max(due, t.last_time + passed) : due);
    latest = t.base;
    return t.base.offset_ns;
}

std::int64_t TimelineRepair::State::bound_skew(RepairTrack& t,
                                               std::uint64_t raw,
                                               std::int64_t time,
                                               std::int64_t arrival) {
    const RepairTrack* against = reference(t, arrival);
    if (against == nullptr || (t.video && !against->video)) return time;
    const std::int64_t low = arrival + std::min(against->lead.value(), against->lead_now);
    const std::int64_t high = arrival + std::max(against->lead.value(), against->lead_now);
    if (time <= high + kMaxSkew && time >= low - kMaxSkew) return time;
    ++counters.tracks_realigned;
    const std::int64_t target = time > high ? high : low;
    t.cadence.restart();
    rebase(t, raw, std::max(target, t.last_time + kMinStep));
    return t.base.offset_ns;
}

}  // namespace sg::ingest
