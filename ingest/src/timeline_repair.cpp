#include <algorithm>
#include <utility>

#include "timeline_repair_state.hpp"

namespace sg::ingest {

using namespace repair;

namespace {

constexpr std::size_t kMaxTracks = 32;
constexpr std::int64_t kAlive = kSecond;

}  // namespace

TimelineRepair::TimelineRepair(TimelineSink& sink) : state_(std::make_unique<State>(sink)) {}
TimelineRepair::~TimelineRepair() = default;

unsigned TimelineRepair::begin_session(const LiveClock& clock, std::int64_t arrival_ns) {
    State& s = *state_;
    s.output.flush();
    s.session_waited = arrival_ns < s.now;
    s.fast_forward.end();
    s.now = arrival_ns;
    s.clock = RawClock(clock);
    s.coarse_clock = clock.timescale <= 1000;
    s.has_latest = false;
    s.session_fresh = true;
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
    } else if (!same_config(t->track, track)) {
        t->set_config(track);
    }
    t->track.language = track.language;
    t->track.program = track.program;
    if (!known) {
        t->input_id = track.id;
        t->in_session = true;
        t->announced_at = s.now;
    }
    const bool same = t->announced && same_config(t->told, t->track);
    t->config_pending = !same || t->told.language != t->track.language;
    t->config_changed = t->announced && t->ever && !same;
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
            t->before_key_at = arrival;
            return;
        }
        t->needs_key = false;
    }
    const std::uint64_t raw = s.clock.masked(unit.dts);
    std::int64_t cts = s.clock.ns(s.clock.step(raw, s.clock.masked(unit.pts)));
    if (magnitude(cts) > kMaxCts || !t->video) cts = 0;

    const bool first = !t->placed;
    const std::int64_t wanted =
        (first ? s.place_first(*t, raw, cts, arrival) : s.place(*t, raw, arrival)) + unit.fine_ns;
    const std::int64_t moved = first ? 0 : wanted - t->last_wanted;
    s.follow(*t, raw);
    t->last_wanted = wanted;
    t->note_step(moved);
    std::int64_t time = wanted;
    const bool keep =
        t->video || (s.even_out(*t, raw, wanted, moved, arrival, time) && s.has_room(*t, time));
    if (t->video) {
        const bool told = cts != 0 || (!first && moved <= 0);
        if (const std::int64_t pictures = t->display.delay(unit.data, told); pictures > 0) {
            ++s.counters.missing_cts;
            cts = pictures * t->interval;
        }
        time = s.keep_ascending(*t, raw, wanted, moved);
        if (s.coarse_clock) {
            time = t->grid.next(time);
            cts = t->grid.distance(cts);
        }
    }
    t->last_arrival = arrival;
    if (keep) {
        t->lead.add(arrival, time - arrival);
        t->lead_now = time - arrival;
        t->last_time = t->session_units == 0 ? time : std::max(t->last_time, time);
        std::int64_t place = time;
        if (t->video) {
            if (s.session_fresh && s.session_waited) s.fast_forward.begin(time, s.pts_end);
            place = s.fast_forward.place(time);
            cts = s.fast_forward.place(time + cts) - place;
        }
        TimedUnit timed;
        timed.track = t->track.id;
        timed.arrival_ns = arrival + place - time;
        timed.key = unit.key;
        timed.damaged = unit.damaged;
        timed.data = std::move(unit.data);
        s.order(*t, timed, place, cts);
        s.emit(*t, std::move(timed));
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
        if (magnitude(time - s.dts_end) <= kMaxMarkerLead) timed.time_ns = time;
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
