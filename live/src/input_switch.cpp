#include <algorithm>
#include <utility>

#include <live/input_switch.hpp>

namespace sg::live {

InputSwitch::InputSwitch(const SwitchPolicy& policy, ingest::TimelineRepair& repair)
    : policy_(policy), repair_(repair) {}

int InputSwitch::open(int priority,
                      const ingest::LiveClock& clock,
                      std::int64_t arrival_ns,
                      bool filler) {
    Input input;
    input.filler = filler;
    input.priority = priority;
    input.clock = clock;
    input.opened_ns = input.last_ns = input.steady_since_ns = arrival_ns;
    const int number = next_++;
    inputs_.emplace(number, std::move(input));
    if (!on_air_) put_on_air(number, arrival_ns);
    return number;
}

void InputSwitch::track(int number, const ingest::LiveTrack& track, std::int64_t arrival_ns) {
    const auto found = inputs_.find(number);
    if (found == inputs_.end()) return;
    auto& input = found->second;
    input.has_video = input.has_video || formats::is_video(track.config.codec);
    input.tracks[track.id] = track;
    if (on_air_ == number) repair_.track(input.session, track, arrival_ns);
}

void InputSwitch::unit(int number, ingest::LiveUnit unit, std::int64_t arrival_ns) {
    const auto found = inputs_.find(number);
    if (found == inputs_.end()) return;
    auto& input = found->second;
    if (silent(input, arrival_ns)) input.steady_since_ns = arrival_ns;
    input.last_ns = arrival_ns;
    input.delivered = true;
    if (on_air_ == number) {
        // A better one will take over; should it not last, this one is ready again.
        if (!input.filler && better_than(input))
            keep(input, unit, arrival_ns);
        else
            forget(input);
        repair_.push(input.session, std::move(unit), arrival_ns);
        return;
    }
    keep(input, std::move(unit), arrival_ns);
    if (!on_air_) {
        if (ready(input)) put_on_air(number, arrival_ns);
        return;
    }
    const auto& current = inputs_.at(*on_air_);
    const bool steady = current.filler || rank(input) < 0 ||
                        arrival_ns - input.steady_since_ns >= policy_.stable.count();
    const bool better = rank(input) < rank(current) && steady;
    // At a key frame that has just come, so that viewers see nothing twice.
    const bool just_now = input.standby.size() == 1;
    if ((better && ready(input) && just_now) || (silent(current, arrival_ns) && ready(input)))
        put_on_air(number, arrival_ns);
}

void InputSwitch::marker(int number, ingest::LiveMarker marker, std::int64_t arrival_ns) {
    const auto found = inputs_.find(number);
    if (found == inputs_.end() || on_air_ != number) return;
    repair_.marker(found->second.session, std::move(marker), arrival_ns);
}

void InputSwitch::track_end(int number, int track, std::int64_t arrival_ns) {
    const auto found = inputs_.find(number);
    if (found == inputs_.end()) return;
    found->second.tracks.erase(track);
    if (on_air_ == number) repair_.end_track(found->second.session, track, arrival_ns);
}

void InputSwitch::close(int number, std::int64_t arrival_ns) {
    if (inputs_.erase(number) == 0 || on_air_ != number) return;
    on_air_.reset();
    if (const auto next = best(arrival_ns, std::nullopt)) put_on_air(*next, arrival_ns);
}

void InputSwitch::advance(std::int64_t now_ns) {
    now_ns_ = std::max(now_ns_, now_ns);
    if (on_air_ && silent(inputs_.at(*on_air_), now_ns)) {
        if (const auto next = best(now_ns, on_air_)) put_on_air(*next, now_ns);
    }
    repair_.advance(now_ns);
}

std::optional<std::int64_t> InputSwitch::deadline_ns() const {
    auto deadline = repair_.deadline_ns();
    if (on_air_ && (inputs_.size() > 1 || has_filler_)) {
        const auto silence = inputs_.at(*on_air_).last_ns + policy_.silence.count();
        // Once past, there was none to take over; one that comes to be ready does so by itself.
        if (silence > now_ns_) deadline = deadline ? std::min(*deadline, silence) : silence;
    }
    return deadline;
}

std::int64_t InputSwitch::last_arrival_ns(int number) const {
    const auto found = inputs_.find(number);
    return found == inputs_.end() ? 0 : found->second.last_ns;
}

bool InputSwitch::filling() const {
    return on_air_ && inputs_.at(*on_air_).filler;
}

bool InputSwitch::idle(std::int64_t now_ns) const {
    return !on_air_ || filling() || silent(inputs_.at(*on_air_), now_ns);
}

bool InputSwitch::silent(const Input& input, std::int64_t now_ns) const {
    return now_ns - input.last_ns >= policy_.silence.count();
}

bool InputSwitch::ready(const Input& input) const {
    return !input.standby.empty();
}

bool InputSwitch::better_than(const Input& input) const {
    return std::any_of(inputs_.begin(), inputs_.end(), [&](const auto& other) {
        return rank(other.second) < rank(input);
    });
}

void InputSwitch::keep(Input& input, ingest::LiveUnit unit, std::int64_t arrival_ns) {
    const auto track = input.tracks.find(unit.track);
    const bool video = track != input.tracks.end() && formats::is_video(track->second.config.codec);
    // Sound alone needs no past: every frame is a place to begin at.
    const bool begins = input.has_video ? video && unit.key : true;
    if (begins) {
        forget(input);
    } else if (input.standby.empty()) {
        return;
    }
    input.standby_bytes += unit.data.size();
    input.standby.push_back({std::move(unit), arrival_ns});
    if (input.standby_bytes > policy_.standby_bytes) forget(input);
}

void InputSwitch::forget(Input& input) {
    input.standby.clear();
    input.standby_bytes = 0;
}

void InputSwitch::put_on_air(int number, std::int64_t now_ns) {
    auto& input = inputs_.at(number);
    if (next_ > 1 && on_air_ != number) ++switches_;
    on_air_ = number;
    auto waiting = std::exchange(input.standby, {});
    input.standby_bytes = 0;
    const auto begin_ns = waiting.empty() ? now_ns : waiting.front().arrival_ns;
    input.session = repair_.begin_session(input.clock, begin_ns);
    for (const auto& [id, track] : input.tracks) repair_.track(input.session, track, begin_ns);
    for (auto& each : waiting) repair_.push(input.session, std::move(each.unit), each.arrival_ns);
}

std::optional<int> InputSwitch::best(std::int64_t now_ns, std::optional<int> except) const {
    std::optional<int> chosen;
    for (const auto& [number, input] : inputs_) {
        if (except == number || silent(input, now_ns) || !ready(input)) continue;
        if (!chosen || rank(input) < rank(inputs_.at(*chosen))) chosen = number;
    }
    return chosen;
}

}  // namespace sg::live
