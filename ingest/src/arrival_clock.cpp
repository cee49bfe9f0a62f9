#include <algorithm>
#include <cstdlib>

#include <ingest/arrival_clock.hpp>

namespace sg::ingest {

namespace {

constexpr std::int64_t kBucket = 5'000'000'000;
/// Players place segments by their dates as well as by their durations, and hls.js 1.7 may stand
/// still where the two part by a millisecond within a playlist. So dates keep step with the media
/// until they are this far off, and an encoder's clock is then followed by less than that a
/// segment.
constexpr std::int64_t kTolerated = 50'000'000;
constexpr std::int64_t kReached = 1'000'000;
constexpr std::int64_t kMediaPerSlew = 5000;
/// Further off than this is no encoder's clock, and not only its start.
constexpr std::int64_t kFarOff = 1'000'000'000;
constexpr std::int64_t kMediaPerFastSlew = 200;
constexpr std::int64_t kSteadyPerSlew = 2000;

}  // namespace

ArrivalClock::ArrivalClock(Clock::Wall wall, Clock::Monotonic steady)
    : wall_(wall), steady_(steady) {}

void ArrivalClock::restart() {
    fresh_ = true;
}

void ArrivalClock::observe(std::int64_t media_ns, Clock::Monotonic arrival) {
    const std::int64_t at = (arrival - steady_).count();
    const std::int64_t lag_now = at - media_ns;
    if (fresh_ || !running_) {
        running_ = true;
        fresh_ = false;
        following_ = false;
        began_ = at;
        current_ = previous_ = estimate_ = lag_now;
        media_ = media_ns;
        return;
    }
    if (at - began_ >= kBucket) {
        previous_ = current_;
        current_ = lag_now;
        began_ = at;
    }
    current_ = std::min(current_, lag_now);
    const std::int64_t error = lag() - estimate_;
    const std::int64_t passed = std::max<std::int64_t>(media_ns - media_, 0);
    media_ = std::max(media_, media_ns);
    following_ = std::abs(error) > (following_ ? kReached : kTolerated);
    if (!following_) return;
    const std::int64_t most =
        passed / (std::abs(error) > kFarOff ? kMediaPerFastSlew : kMediaPerSlew);
    estimate_ += std::clamp(error, -most, most);
}

void ArrivalClock::observe_wall(Clock::Wall wall, Clock::Monotonic steady) {
    const std::int64_t at = (steady - steady_).count();
    const std::int64_t most = std::max<std::int64_t>(at - wall_seen_, 0) / kSteadyPerSlew;
    wall_seen_ = std::max(wall_seen_, at);
    wall_step_ = std::chrono::duration_cast<Nanos>(wall - wall_).count() - at;
    const std::int64_t error = wall_step_ - wall_offset_;
    wall_following_ = std::abs(error) > (wall_following_ ? kReached : kTolerated);
    if (wall_following_) wall_offset_ += std::clamp(error, -most, most);
}

std::optional<Clock::Wall> ArrivalClock::arrival_of(std::int64_t media_ns) const {
    if (!running_) return std::nullopt;
    return wall_ +
           std::chrono::duration_cast<Clock::Wall::duration>(Nanos(media_ns + lag() + wall_step_));
}

std::optional<Clock::Wall> ArrivalClock::date_of(std::int64_t media_ns) {
    if (!running_) return std::nullopt;
    Clock::Wall date = wall_ + std::chrono::duration_cast<Clock::Wall::duration>(
                                   Nanos(media_ns + estimate_ + wall_offset_));
    if (floor_ && date < *floor_) {
        // From there on they keep step with the media, however far the wall clock was set back.
        if (!asked_) wall_offset_ += std::chrono::duration_cast<Nanos>(*floor_ - date).count();
        date = *floor_;
    }
    if (asked_ && media_ns >= *asked_ && date < told_) date = told_;
    if (!asked_ || media_ns >= *asked_) {
        asked_ = media_ns;
        told_ = date;
    }
    return date;
}

}  // namespace sg::ingest
