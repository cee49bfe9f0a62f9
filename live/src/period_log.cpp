#include "period_log.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include <packagers/live_hls.hpp>

namespace sg::live {
namespace {

using packagers::LiveSegment;
using packagers::WallTime;

/// A new Period that starts nearly where the one before ended joins it.
constexpr std::int64_t kSeamUs = 100'000;
/// Players near the live edge hold about two seconds, which the sender's clock must not use up;
/// one of 100 ppm takes more than an hour for this.
constexpr std::int64_t kMostLateUs = 500'000;
/// What comes early waits. A network that is slow for a while is not followed back and forth.
constexpr std::int64_t kMostEarlyUs = 1'000'000;

std::int64_t micros(std::int64_t ticks, const LiveSegment& s) {
    return packagers::live_micros(ticks, s.init->description.timescale);
}

std::int64_t since(WallTime start, WallTime time) {
    return std::chrono::duration_cast<std::chrono::microseconds>(time - start).count();
}

}  // namespace

PeriodLog::PeriodLog(const PeriodLogConfig& config) : config_(config) {}

void PeriodLog::withdraw_from(std::int64_t number) {
    while (!marks_.empty() && marks_.back().first_number >= number) {
        marks_.pop_back();
        if (!marks_.empty()) marks_.back().end_us.reset();
    }
}

void PeriodLog::begin(const LiveSegment& s, std::optional<WallTime> arrived) {
    newest_ = s.number;
    if (!arrived) arrived = s.date;
    if (!arrived) return;
    if (!marks_.empty() && !s.discontinuity) {
        correct(s, *arrived);
        return;
    }
    withdraw_from(s.number);
    const std::int64_t origin = micros(s.start, s);
    if (!config_.availability_start)
        config_.availability_start =
            *arrived - std::chrono::microseconds(std::max<std::int64_t>(0, origin));
    std::int64_t start = since(*config_.availability_start, *arrived);
    if (marks_.empty())
        start = std::max<std::int64_t>(0, start);
    else if (start < end_us_ + kSeamUs)
        start = end_us_;
    else
        marks_.back().end_us = end_us_;
    marks_.push_back({s.number, start, origin, std::nullopt});
}

void PeriodLog::correct(const LiveSegment& s, WallTime arrived) {
    PeriodMark& now = marks_.back();
    if (now.first_number >= s.number) return;
    const std::int64_t segment = config_.segment_us;
    const std::int64_t at = micros(s.start, s);
    const std::int64_t came = since(*config_.availability_start, arrived);
    const std::int64_t expected = config_.fixed_grid
                                      ? now.start_us + (s.number - now.first_number) * segment
                                      : now.start_us + at - now.origin_us;
    const std::int64_t most_off = came > expected ? kMostLateUs : kMostEarlyUs;
    if (std::abs(came - expected) <= std::min(most_off, segment / 2)) return;
    // What a client may know of already keeps its time.
    const std::int64_t ahead =
        config_.fixed_grid ? 1 + (config_.update_us + segment - 1) / segment : 0;
    const std::int64_t origin = at + ahead * segment;
    const std::int64_t media_end = now.start_us + origin - now.origin_us;
    // Clients lose this much of what they have; more is left to the next correction.
    const std::int64_t most = std::min(segment, (media_end - now.start_us) / 2);
    std::int64_t start = std::max(came + ahead * segment, media_end - most);
    if (std::abs(start - media_end) < kSeamUs) start = media_end;
    // On a grid the number that the next Period begins with fills the time before it as well.
    if (start > media_end && !config_.fixed_grid) now.end_us = media_end;
    marks_.push_back({s.number + ahead, start, origin, std::nullopt});
}

void PeriodLog::close(const LiveSegment& s) {
    const auto next = std::find_if(marks_.begin(), marks_.end(), [&](const PeriodMark& mark) {
        return mark.first_number > s.number;
    });
    if (next == marks_.begin()) return;
    const PeriodMark& mark = *std::prev(next);
    end_us_ = mark.start_us + micros(s.start + s.duration, s) - mark.origin_us;
}

void PeriodLog::drop_before(std::int64_t first) {
    while (marks_.size() > 1 && marks_[1].first_number <= first) marks_.erase(marks_.begin());
}

void PeriodLog::end() {
    withdraw_from(newest_ + 1);
}

}  // namespace sg::live
