#include "pull_pacer.hpp"

#include <algorithm>

namespace sg::live {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
/// A step in the times that is longer is no pause but another clock.
constexpr std::int64_t kJumpNs = 10 * kSecondNs;
/// Units that are due within this go together: fewer wake-ups.
constexpr auto kTogether = std::chrono::milliseconds(20);

}  // namespace

PullPacer::PullPacer(boost::asio::io_context& home,
                     const Clock& clock,
                     Deliver deliver,
                     std::function<void()> done)
    : clock_(clock),
      deliver_(std::move(deliver)),
      done_(std::move(done)),
      timer_(home),
      self_(std::make_shared<PullPacer*>(this)) {}

PullPacer::~PullPacer() = default;

void PullPacer::add(std::vector<PacedUnit> units) {
    const bool ran_dry = queue_.empty();
    for (auto& unit : units) {
        const Key key{unit.epoch, unit.unit.dts};
        queue_.emplace(key, std::move(unit));
    }
    if (queue_.empty()) return;
    // What comes too late moves everything behind it, so that the next is on time.
    const auto now = clock_.now();
    const auto& first = queue_.begin()->first;
    if (ran_dry && (!continues(first) || due(first.second) < now)) rebase(first, now);
    if (!armed_) arm();
}

std::int64_t PullPacer::waiting_ns() const {
    if (queue_.empty()) return 0;
    const auto& first = queue_.begin()->first;
    const auto& last = queue_.rbegin()->first;
    if (first.first == last.first) return last.second - first.second;
    // Two clocks: what is left of the first, and what there is of the last.
    const auto end = std::prev(queue_.lower_bound({first.first + 1, INT64_MIN}))->first.second;
    const auto begin = queue_.lower_bound({last.first, INT64_MIN})->first.second;
    return end - first.second + last.second - begin;
}

void PullPacer::run(Clock::Monotonic now) {
    bool any = false;
    while (!queue_.empty()) {
        const auto first = queue_.begin();
        const auto key = first->first;
        if (!continues(key)) rebase(key, due_or_jump(key, now));
        if (due(key.second) > now + kTogether) break;
        last_ns_ = key.second;
        auto unit = std::move(first->second);
        queue_.erase(first);
        deliver_(std::move(unit));
        any = true;
    }
    if (any) done_();
}

void PullPacer::arm() {
    if (queue_.empty()) return;
    armed_ = true;
    const auto now = clock_.now();
    timer_.expires_at(std::max(due_or_jump(queue_.begin()->first, now), now));
    timer_.async_wait([weak = std::weak_ptr(self_)](const boost::system::error_code& failed) {
        const auto self = weak.lock();
        if (failed || !self) return;
        auto& pacer = **self;
        pacer.armed_ = false;
        pacer.run(pacer.clock_.now());
        if (!pacer.armed_) pacer.arm();
    });
}

bool PullPacer::continues(const Key& key) const {
    return epoch_ == key.first && key.second - last_ns_ <= kJumpNs &&
           last_ns_ - key.second <= kJumpNs;
}

/// Another clock begins where the one before ended.
Clock::Monotonic PullPacer::due_or_jump(const Key& key, Clock::Monotonic now) const {
    if (continues(key)) return due(key.second);
    return epoch_ ? std::max(now, due(last_ns_)) : now;
}

Clock::Monotonic PullPacer::due(std::int64_t at_ns) const {
    return base_ + std::chrono::duration_cast<Clock::Monotonic::duration>(
                       std::chrono::nanoseconds(at_ns - base_ns_));
}

void PullPacer::rebase(const Key& first, Clock::Monotonic now) {
    epoch_ = first.first;
    base_ns_ = last_ns_ = first.second;
    base_ = now;
}

}  // namespace sg::live
