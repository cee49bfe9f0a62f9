#include <algorithm>
#include <limits>
#include <utility>

#include <ingest/timeline_repair.hpp>

#include "timeline_repair_output.hpp"
#include "timeline_repair_track.hpp"

namespace sg::ingest {

using namespace repair;

namespace {

constexpr std::size_t kMaxTracks = 32;
/// A hole up to this is counted as one, above it is a jump of the clock.
constexpr std::int64_t kLargestHole = 10 * kSecond;
/// Two tracks that make one jump meet it at places that differ by no more.
constexpr std::int64_t kSameJump = 200 * kMs;
constexpr std::int64_t kAlive = kSecond;
constexpr std::int64_t kPromised = 500 * kMs;
constexpr std::int64_t kSilent = 3 * kSecond;
/// For the other tracks' configurations to come along.
constexpr std::int64_t kGatherChanges = 100 * kMs;
constexpr std::int64_t kAnchorTime = 10 * kSecond;
constexpr std::int64_t kMaxDelay = 500 * kMs;
constexpr int kBehindLimit = 8;

std::int64_t magnitude(std::int64_t value) {
    return value < 0 ? -value : value;
}

}  // namespace

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
    void rebase(RepairTrack& t, std::uint64_t raw, std::int64_t time);
    void follow(RepairTrack& t, std::uint64_t raw);

    bool even_out(RepairTrack& t,
                  std::uint64_t raw,
                  std::int64_t wanted,
                  std::int64_t moved,
                  std::int64_t arrival,
                  std::int64_t& time);
    std::int64_t keep_ascending(RepairTrack& t,
                                std::uint64_t raw,
                                std::int64_t wanted,
                                std::int64_t moved);
    void order(RepairTrack& t, TimedUnit& unit, std::int64_t time, std::int64_t cts);
    void emit(RepairTrack& t, TimedUnit unit, std::int64_t arrival);
    void announce(RepairTrack& t, const TimedUnit& unit, std::int64_t arrival);
    void tell(RepairTrack& t, bool at_border);
    void forget_borders();
    void give_up_silent(std::int64_t arrival);

    RepairCounters counters;
    RepairOutput output;
    unsigned session = 0;
    RawClock clock{LiveClock{}};
    std::vector<std::unique_ptr<RepairTrack>> tracks;

    bool has_latest = false;
    ClockBase latest;  ///< the epoch that the input's clock is in now
    unsigned next_epoch = 0;

    bool started = false;  ///< anything was delivered, ever
    bool session_fresh = true;
    bool session_changed = false;
    std::int64_t session_began = 0;
    std::int64_t now = std::numeric_limits<std::int64_t>::min();
    std::int64_t first_arrival = 0;
    std::int64_t anchor_lead = 0;  ///< of the channel's first seconds
    std::int64_t dts_end = kOriginNs;
    std::int64_t pts_end = kOriginNs;
    std::int64_t front_arrival = 0;
    std::int64_t front_interval = 0;
};

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

/// The flowing track that others are held against: pictures before sound.
const RepairTrack* TimelineRepair::State::reference(const RepairTrack& of,
                                                    std::int64_t arrival) const {
    const RepairTrack* found = nullptr;
    for (const auto& t : tracks) {
        if (t.get() == &of || !t->in_session || !t->placed ||
            arrival - t->last_arrival > 2 * kAlive) {
            continue;
        }
        if (found == nullptr || (t->video && !found->video)) found = t.get();
    }
    return found;
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

std::int64_t TimelineRepair::State::session_start(std::int64_t arrival) const {
    if (!started) return kOriginNs;
    const std::int64_t passed = arrival - front_arrival - front_interval;
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
    if (moved > -kHole && moved <= hole) return bound_skew(t, raw, time, arrival);
    t.cadence.restart();
    // As much time has passed as the times say, or the network had kept units back that long.
    if (moved > 0 && time - (arrival + t.lead.value()) <= kEarly) {
        return bound_skew(t, raw, time, arrival);
    }
    return jump(t, raw, moved, arrival);
}

std::int64_t TimelineRepair::State::jump(RepairTrack& t,
                                         std::uint64_t raw,
                                         std::int64_t moved,
                                         std::int64_t arrival) {
    const std::int64_t due = t.cadence.active() ? t.cadence.due() : t.last_time + t.interval;
    const std::int64_t expected = arrival + t.lead.value();
    const auto plausible = [&](const ClockBase& base) {
        if (base.epoch == t.base.epoch) return false;
        const std::int64_t time = base.time_at(clock, raw);
        return std::min(magnitude(time - due), magnitude(time - expected)) <= kSameJump ||
               (expected - due > kHole && magnitude(time - expected) <= kSecond);
    };
    // Another track may have met the same jump first: the relation of the two is kept.
    const ClockBase* known = plausible(latest) ? &latest : nullptr;
    for (const auto& other : tracks) {
        if (known != nullptr) break;
        if (other.get() != &t && other->placed && plausible(other->base)) known = &other->base;
    }
    if (known != nullptr) {
        t.base = *known;
        return t.base.time_at(clock, raw);
    }
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

/// A clock that stands still or fell back by little must not press pictures together for good.
std::int64_t TimelineRepair::State::keep_ascending(RepairTrack& t,
                                                   std::uint64_t raw,
                                                   std::int64_t wanted,
                                                   std::int64_t moved) {
    if (!t.ever || t.session_units == 0 || wanted > t.last_time) {
        t.behind = 0;
        return wanted;
    }
    if (++t.behind < kBehindLimit) return wanted;
    if (moved > 0) {
        t.behind = 0;
        ++counters.jumps_back;
    }
    rebase(t, raw, t.last_time + t.interval);
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
    output.change_track(t.track, at_border);
}

/// Border and configuration that come before a unit.
void TimelineRepair::State::announce(RepairTrack& t, const TimedUnit& unit, std::int64_t arrival) {
    const std::int64_t gap = unit.dts_ns - dts_end;
    if (session_fresh) {
        session_fresh = false;
        if (started && (gap > kGap || session_changed)) {
            forget_borders();
            if (gap > kGap) ++counters.gaps_kept;
            output.border_now(unit.pts_ns,
                              session_changed ? TimelineDiscontinuity::Reason::kParameters
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

void TimelineRepair::State::emit(RepairTrack& t, TimedUnit unit, std::int64_t arrival) {
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
    if (session_fresh) return;
    for (const auto& t : tracks) {
        if (!t->announced) continue;
        std::int64_t since = 0;
        std::int64_t limit = kPromised;
        if (!t->in_session) {
            since = session_began;
        } else if (!t->placed) {
            since = t->announced_at;
        } else {
            since = t->last_arrival;
            limit = std::max(kSilent, 4 * t->interval);
        }
        if (arrival - since <= limit) continue;
        t->announced = false;
        t->config_pending = t->in_session;
        ++counters.tracks_silent;
        output.end_track(t->track.id);
    }
}

TimelineRepair::TimelineRepair(TimelineSink& sink) : state_(std::make_unique<State>(sink)) {}
TimelineRepair::~TimelineRepair() = default;

unsigned TimelineRepair::begin_session(const LiveClock& clock, std::int64_t arrival_ns) {
    State& s = *state_;
    s.output.flush();
    s.now = std::max(s.now, arrival_ns);
    s.clock = RawClock(clock);
    s.has_latest = false;
    s.session_fresh = true;
    s.session_changed = false;
    s.session_began = s.now;
    ++s.counters.sessions;
    for (const auto& t : s.tracks) t->forget_session();
    return ++s.session;
}

void TimelineRepair::track(unsigned session, const LiveTrack& track, std::int64_t arrival_ns) {
    State& s = *state_;
    if (session != s.session) return;
    s.now = std::max(s.now, arrival_ns);
    RepairTrack* t = s.find(track.id);
    const bool known = t != nullptr;
    if (!known) t = s.match(track);
    if (t != nullptr && t->video != formats::is_video(track.config.codec)) return;
    if (t == nullptr) {
        if (s.tracks.size() >= kMaxTracks) return;
        s.tracks.push_back(std::make_unique<RepairTrack>());
        t = s.tracks.back().get();
        t->track.id = static_cast<int>(s.tracks.size()) - 1;
        t->set_config(track);
        t->config_pending = true;
    } else if (!same_config(t->track, track)) {
        t->set_config(track);
        t->config_pending = true;
        if (t->announced && t->ever) t->config_changed = true;
        if (!known && t->announced && t->ever) s.session_changed = true;
    } else if (t->track.language != track.language || !t->announced) {
        t->track.language = track.language;
        t->config_pending = true;
    }
    t->track.program = track.program;
    if (!known) {
        t->input_id = track.id;
        t->in_session = true;
        t->announced_at = s.now;
    }
    // At a session's start all wait for its first unit, which decides about the border.
    if (t->config_pending && !t->config_changed && !s.session_fresh) s.tell(*t, false);
}

void TimelineRepair::push(unsigned session, LiveUnit unit, std::int64_t arrival_ns) {
    State& s = *state_;
    RepairTrack* t = session == s.session ? s.find(unit.track) : nullptr;
    if (t == nullptr) {
        ++s.counters.stale_units;
        return;
    }
    const std::int64_t arrival = s.now = std::max(s.now, arrival_ns);
    if (unit.damaged) ++s.counters.damaged_units;
    if (t->needs_key && t->video) {
        if (!unit.key) {
            ++s.counters.before_key;
            return;
        }
        t->needs_key = false;
    }
    const std::uint64_t raw = s.clock.masked(unit.dts);
    std::int64_t cts = s.clock.ns(s.clock.step(raw, s.clock.masked(unit.pts)));
    if (magnitude(cts) > kMaxCts || !t->video) cts = 0;

    const bool first = !t->placed;
    const std::int64_t wanted =
        first ? s.place_first(*t, raw, cts, arrival) : s.place(*t, raw, arrival);
    const std::int64_t moved = first ? 0 : wanted - t->last_wanted;
    s.follow(*t, raw);
    t->last_wanted = wanted;
    t->note_step(moved);
    std::int64_t time = wanted;
    const bool keep = t->video || s.even_out(*t, raw, wanted, moved, arrival, time);
    if (t->video) time = s.keep_ascending(*t, raw, wanted, moved);
    t->last_arrival = arrival;
    if (keep) {
        t->lead.add(arrival, time - arrival);
        t->lead_now = time - arrival;
        t->last_time = t->session_units == 0 ? time : std::max(t->last_time, time);
        TimedUnit timed;
        timed.track = t->track.id;
        timed.key = unit.key;
        timed.damaged = unit.damaged;
        timed.data = std::move(unit.data);
        s.order(*t, timed, time, cts);
        s.emit(*t, std::move(timed), arrival);
    }
    s.output.advance(arrival);
    s.give_up_silent(arrival);
}

void TimelineRepair::marker(unsigned session, LiveMarker marker, std::int64_t arrival_ns) {
    State& s = *state_;
    if (session != s.session) return;
    s.now = std::max(s.now, arrival_ns);
    TimedMarker timed{marker.kind, s.dts_end, std::move(marker.data)};
    if (s.has_latest) {
        const std::int64_t time = s.latest.time_at(s.clock, s.clock.masked(marker.time));
        if (magnitude(time - s.dts_end) <= kMaxSkew) timed.time_ns = time;
    }
    s.output.marker(std::move(timed));
}

void TimelineRepair::end_track(unsigned session, int track, std::int64_t arrival_ns) {
    State& s = *state_;
    if (session != s.session) return;
    s.now = std::max(s.now, arrival_ns);
    RepairTrack* t = s.find(track);
    if (t == nullptr) return;
    t->in_session = false;
    t->placed = false;
    if (!t->announced) return;
    t->announced = false;
    t->config_pending = t->config_changed = false;
    s.output.end_track(t->track.id);
}

void TimelineRepair::advance(std::int64_t arrival_ns) {
    State& s = *state_;
    s.now = std::max(s.now, arrival_ns);
    s.output.advance(s.now);
}

std::optional<std::int64_t> TimelineRepair::deadline_ns() const {
    return state_->output.deadline();
}

const RepairCounters& TimelineRepair::counters() const {
    return state_->counters;
}
std::int64_t TimelineRepair::end_ns() const {
    return state_->dts_end;
}

std::int64_t TimelineRepair::arrival_skew_ns() const {
    const RepairTrack* video = nullptr;
    const RepairTrack* audio = nullptr;
    for (const auto& t : state_->tracks) {
        if (!t->in_session || !t->placed || state_->now - t->last_arrival > kAlive) continue;
        if (t->video && video == nullptr) video = t.get();
        if (!t->video && audio == nullptr) audio = t.get();
    }
    if (video == nullptr || audio == nullptr) return 0;
    return audio->lead.value() - video->lead.value();
}

}  // namespace sg::ingest
