#include "index_clock.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace sg::engine {
namespace {

using media::kNoTime;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kBackward = kSecond;
constexpr std::int64_t kForward = 10 * kSecond;
/// 33 bits at 90 kHz (ISO/IEC 13818-1 section 2.4.3.7).
constexpr std::int64_t kWrap33 = (std::int64_t{1} << 33) * 100'000 / 9;
constexpr std::size_t kMaxPending = 2000;
constexpr std::size_t kEnoughOfOne = 50;
constexpr std::size_t kMaxJumps = 1000;
/// Sound may overlap by so little rather than leave a hole of a picture.
constexpr std::int64_t kTrifle = kSecond / 1000;

}  // namespace

IndexClock::IndexClock(const std::vector<bool>& pictures, bool backward, bool forward)
    : streams_(pictures.size()), backward_(backward), forward_(forward) {
    for (std::size_t i = 0; i < pictures.size(); ++i) streams_[i].pictures = pictures[i];
}

std::int64_t IndexClock::Stream::usual_step() const {
    const auto count = std::min(step_count, steps.size());
    if (count == 0) return 0;
    auto sorted = steps;
    std::sort(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(count));
    const auto median = sorted[count / 2];
    // Rounded times take turns: their mean tells more than any of them.
    std::int64_t sum = 0;
    std::int64_t of = 0;
    for (std::size_t i = 0; i < count; ++i) {
        if (std::llabs(sorted[i] - median) > median / 8) continue;
        sum += sorted[i];
        ++of;
    }
    return sum / of;
}

bool IndexClock::fits(const IndexRecord& record) const {
    const auto& s = streams_[static_cast<std::size_t>(record.stream)];
    if (record.position < 0 || jumps_.size() >= kMaxJumps) return true;
    const std::int64_t time = record.time_ns + shift_ns_;
    // The first of a stream may lie anywhere near the others.
    if (backward_ && s.seen && time < s.last_ns - kBackward) return false;
    if (backward_ && !s.seen && newest_ns_ != kNoTime && forward_ && time < newest_ns_ - kForward)
        return false;
    if (forward_ && newest_ns_ != kNoTime && time > newest_ns_ + kForward) return false;
    return true;
}

void IndexClock::accept(IndexRecord record, std::vector<IndexRecord>& out) {
    auto& s = streams_[static_cast<std::size_t>(record.stream)];
    record.shift_ns = shift_ns_;
    const std::int64_t time = record.time_ns + shift_ns_;
    if (s.pictures && s.seen && !record.second_field && time > s.last_ns)
        s.steps[s.step_count++ % s.steps.size()] = time - s.last_ns;
    s.last_ns = s.seen ? std::max(s.last_ns, time) : time;
    const std::int64_t shown = record.pts_ns + shift_ns_;
    if (!record.second_field) s.shown_ns = s.seen ? std::max(s.shown_ns, shown) : shown;
    const std::int64_t end = record.pts_ns + shift_ns_ + record.duration_ns;
    s.end_ns = s.seen ? std::max(s.end_ns, end) : end;
    s.seen = true;
    newest_ns_ = std::max(newest_ns_, time);
    out.push_back(record);
}

void IndexClock::add(IndexRecord record, std::vector<IndexRecord>& out) {
    if (epochs_.size() > 1 && record.position >= 0 &&
        record.position < epochs_.back().from_position) {
        // A late one from before the last jump, by the same rule that TimelineMap follows.
        const std::int64_t now = std::exchange(shift_ns_, epochs_[epochs_.size() - 2].shift_ns);
        accept(record, out);
        shift_ns_ = now;
        return;
    }
    if (pending_.empty()) {
        if (fits(record)) {
            accept(record, out);
            return;
        }
        pending_.push_back(record);
        return;
    }
    // The stream that seemed to jump goes on as before: its odd packets were damaged.
    if (record.stream == pending_.front().stream && fits(record)) {
        auto held = std::move(pending_);
        pending_.clear();
        for (auto& one : held) {
            if (fits(one))
                accept(one, out);
            else
                ++outliers_;
        }
        accept(record, out);
        return;
    }
    pending_.push_back(record);
    if (settled()) settle(out);
}

/// Every stream that was running has come over, or enough of one has to be sure.
bool IndexClock::settled() const {
    if (pending_.size() >= kMaxPending) return true;
    const auto leader = pending_.front().stream;
    std::size_t of_leader = 0;
    std::vector<bool> over(streams_.size(), false);
    for (const auto& p : pending_) {
        if (p.stream == leader) ++of_leader;
        if (!fits(p)) over[static_cast<std::size_t>(p.stream)] = true;
    }
    if (of_leader < 4) return false;
    if (of_leader >= kEnoughOfOne) return true;
    for (std::size_t i = 0; i < streams_.size(); ++i) {
        const auto& s = streams_[i];
        const bool running = s.seen && newest_ns_ - s.last_ns < 5 * kSecond;
        if (running && !over[i]) return false;
    }
    return true;
}

/// The least shift from `shift` on that puts the first new picture a whole number of steps after
/// the last one.
std::int64_t IndexClock::in_rhythm(std::int64_t shift,
                                   const std::vector<std::int64_t>& starts) const {
    for (std::size_t i = 0; i < streams_.size(); ++i) {
        const auto& s = streams_[i];
        const auto step = s.usual_step();
        if (!s.pictures || !s.seen || starts[i] == kNoTime || step == 0) continue;
        const auto ahead = starts[i] + shift - s.shown_ns - std::min(kTrifle, step / 4);
        const auto steps = std::max<std::int64_t>(1, (ahead + step - 1) / step);
        return s.shown_ns + steps * step - starts[i];
    }
    return shift;
}

void IndexClock::settle(std::vector<IndexRecord>& out) {
    auto held = std::move(pending_);
    pending_.clear();
    const IndexRecord first = held.front();

    // Packets come out in the order in which they are complete, not in that of their first bytes.
    std::int64_t lowest = first.position;
    for (const auto& p : held) {
        if (!fits(p)) lowest = std::min(lowest, p.position);
    }
    // The last ones before the jump may come after the first ones behind it.
    std::erase_if(held, [&](const IndexRecord& p) {
        if (p.position >= lowest) return false;
        accept(p, out);
        return true;
    });

    // The new clock's own start of each stream, against where that stream ended.
    std::int64_t shift = kNoTime;
    std::vector<std::int64_t> starts(streams_.size(), kNoTime);
    for (const auto& p : held) {
        auto& start = starts[static_cast<std::size_t>(p.stream)];
        const bool other_clock = std::llabs(p.time_ns - first.time_ns) > 10 * kForward || fits(p);
        if (!other_clock && (start == kNoTime || p.pts_ns < start)) start = p.pts_ns;
    }
    for (std::size_t i = 0; i < streams_.size(); ++i) {
        if (starts[i] == kNoTime || !streams_[i].seen) continue;
        shift = std::max(shift, streams_[i].end_ns - starts[i]);
    }
    if (shift != kNoTime)
        shift = in_rhythm(shift, starts);
    else
        shift = (newest_ns_ == kNoTime ? first.time_ns : newest_ns_) - first.time_ns;

    std::string kind = first.time_ns + shift_ns_ < newest_ns_ ? "backward" : "forward";
    for (const std::int64_t wrap : {kWrap33, -kWrap33}) {
        if (std::llabs(shift - (shift_ns_ + wrap)) < kForward) {
            shift = shift_ns_ + wrap;
            kind = "wrap";
        }
    }
    ++jump_count_;
    if (jumps_.size() < kMaxJumps) {
        Jump jump;
        jump.kind = kind;
        jump.position = lowest;
        jump.at_ns = first.time_ns + shift;
        jump.from_ns = newest_ns_ == kNoTime ? 0 : newest_ns_ - shift_ns_;
        jump.to_ns = first.time_ns;
        jumps_.push_back(jump);
    }
    shift_ns_ = shift;
    const std::int64_t from = std::max(lowest, epochs_.back().from_position + 1);
    epochs_.push_back({from, shift});
    for (auto& one : held) {
        if (one.position >= from && !fits(one) &&
            std::llabs(one.time_ns + shift_ns_ - newest_ns_) > 2 * kForward) {
            ++outliers_;  // left over from the clock before
            continue;
        }
        accept(one, out);
    }
}

void IndexClock::finish(std::vector<IndexRecord>& out) {
    if (pending_.empty()) return;
    // Too few to prove a jump at the very end: damaged.
    if (pending_.size() < 4)
        outliers_ += std::ssize(pending_);
    else
        settle(out);
    pending_.clear();
}

}  // namespace sg::engine
