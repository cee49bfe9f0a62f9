#include "timeline_repair_output.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace sg::ingest::repair {

void RepairOutput::border_now(std::int64_t at, Reason reason) {
    ++counters_.discontinuities;
    if (reason == Reason::kParameters) ++counters_.parameter_changes;
    sink_.on_discontinuity({at, reason});
}

void RepairOutput::open_border(std::int64_t border,
                               Reason reason,
                               std::set<int> tracks,
                               std::int64_t arrival,
                               std::int64_t least_hold) {
    if (open_) {
        border_ = std::min(border_, border);
        if (reason == Reason::kParameters) reason_ = reason;
        return;
    }
    open_ = true;
    border_ = border;
    opened_at_ = arrival;
    least_hold_ = least_hold;
    reason_ = reason;
    waiting_ = std::move(tracks);
    behind_.clear();
}

void RepairOutput::deliver(Held& held) {
    if (auto* unit = std::get_if<TimedUnit>(&held)) {
        sink_.on_unit(std::move(*unit));
    } else if (auto* track = std::get_if<LiveTrack>(&held)) {
        sink_.on_track(*track);
    } else if (auto* marker = std::get_if<TimedMarker>(&held)) {
        sink_.on_marker(std::move(*marker));
    } else {
        sink_.on_track_end(std::get<int>(held));
    }
}

/// Delivers what is held of a track, before the border.
void RepairOutput::release(int track) {
    std::deque<Held> rest;
    for (Held& held : held_) {
        const TimedUnit* unit = std::get_if<TimedUnit>(&held);
        if (unit != nullptr && unit->track == track) {
            bytes_ -= unit->data.size();
            deliver(held);
        } else {
            rest.push_back(std::move(held));
        }
    }
    held_ = std::move(rest);
}

bool RepairOutput::told(int track) const {
    return std::any_of(held_.begin(), held_.end(), [&](const Held& held) {
        const auto* change = std::get_if<LiveTrack>(&held);
        const auto* end = std::get_if<int>(&held);
        return (change != nullptr && change->id == track) || (end != nullptr && *end == track);
    });
}

void RepairOutput::change_track(const LiveTrack& track, bool at_border) {
    if (open_ && at_border) {
        release(track.id);
        behind_.insert(track.id);
        waiting_.erase(track.id);
    }
    if (open_ && behind_.contains(track.id)) {
        held_.emplace_back(track);
    } else {
        sink_.on_track(track);
    }
}

bool RepairOutput::unit(TimedUnit unit, std::int64_t arrival) {
    ++counters_.units;
    if (!open_) {
        sink_.on_unit(std::move(unit));
        return true;
    }
    const bool before = !behind_.contains(unit.track) && unit.pts_ns < border_;
    if (before) {
        sink_.on_unit(std::move(unit));
    } else {
        waiting_.erase(unit.track);
        behind_.insert(unit.track);
        bytes_ += unit.data.size();
        held_.emplace_back(std::move(unit));
    }
    advance(arrival);
    return !before;
}

void RepairOutput::marker(TimedMarker marker) {
    if (open_ && marker.time_ns >= border_) {
        bytes_ += marker.data.size();
        held_.emplace_back(std::move(marker));
    } else {
        sink_.on_marker(std::move(marker));
    }
}

void RepairOutput::end_track(int track) {
    waiting_.erase(track);
    if (open_ && behind_.contains(track)) {
        held_.emplace_back(track);
    } else {
        sink_.on_track_end(track);
    }
}

void RepairOutput::advance(std::int64_t arrival) {
    if (!open_) return;
    const std::int64_t held_for = arrival - opened_at_;
    if ((waiting_.empty() && held_for >= least_hold_) || held_for >= kMaxHold ||
        held_.size() >= kMaxHeld || bytes_ >= kMaxHeldBytes) {
        flush();
    }
}

/// What begins at the border is told before its first unit, so that who listens begins once.
void RepairOutput::tell_tracks() {
    std::set<int> begun;
    std::deque<Held> rest;
    for (Held& held : held_) {
        const auto* unit = std::get_if<TimedUnit>(&held);
        const auto* track = std::get_if<LiveTrack>(&held);
        if (unit != nullptr) begun.insert(unit->track);
        if (const auto* end = std::get_if<int>(&held)) begun.insert(*end);
        if (track != nullptr && !begun.contains(track->id))
            deliver(held);
        else
            rest.push_back(std::move(held));
    }
    held_ = std::move(rest);
}

void RepairOutput::flush() {
    if (!open_) return;
    open_ = false;
    std::int64_t at = std::numeric_limits<std::int64_t>::max();
    for (const Held& held : held_) {
        if (const auto* unit = std::get_if<TimedUnit>(&held)) at = std::min(at, unit->pts_ns);
    }
    if (at == std::numeric_limits<std::int64_t>::max()) at = border_;
    border_now(at, reason_);
    tell_tracks();
    for (Held& held : held_) deliver(held);
    held_.clear();
    bytes_ = 0;
}

std::optional<std::int64_t> RepairOutput::deadline() const {
    if (!open_) return std::nullopt;
    return opened_at_ + (waiting_.empty() ? least_hold_ : kMaxHold);
}

}  // namespace sg::ingest::repair
