#include "timeline_repair_track.hpp"

#include <algorithm>

#include <media/timestamp.hpp>

namespace sg::ingest::repair {

namespace {

constexpr std::int64_t kFarNs = std::int64_t{1} << 61;
constexpr std::int64_t kDefaultInterval = 33 * kMs;
constexpr std::int64_t kMaxInterval = 20 * kSecond;

std::int64_t nominal_interval(const formats::CodecConfig& config) {
    if (!formats::is_video(config.codec)) {
        const formats::AudioFacts& audio = config.audio;
        if (audio.sample_rate == 0) return 0;
        return static_cast<std::int64_t>(audio.samples_per_frame) * kSecond / audio.sample_rate;
    }
    const formats::VideoFacts& video = config.video;
    if (video.frame_rate_num == 0) return 0;
    const std::int64_t interval =
        static_cast<std::int64_t>(video.frame_rate_den) * kSecond / video.frame_rate_num;
    // The parameter sets of some encoders tell ticks, not pictures.
    return interval >= 4 * kMs && interval <= kSecond ? interval : 0;
}

}  // namespace

RawClock::RawClock(const LiveClock& clock)
    : mask_(clock.wrap_bits >= 64 ? ~std::uint64_t{0}
                                  : (std::uint64_t{1} << std::max(clock.wrap_bits, 8U)) - 1),
      unused_bits_(clock.wrap_bits >= 64 ? 0 : 64 - std::max(clock.wrap_bits, 8U)),
      timescale_(std::max<std::int64_t>(clock.timescale, 1)) {}

std::int64_t RawClock::step(std::uint64_t from, std::uint64_t to) const {
    // Shifted up, the wrap is that of 64 bits, and shifting back keeps the sign.
    return static_cast<std::int64_t>((to - from) << unused_bits_) >> unused_bits_;
}

std::int64_t RawClock::ns(std::int64_t ticks) const {
    __extension__ using Wide = __int128;
    const Wide ns = static_cast<Wide>(ticks) * kSecond / timescale_;
    return static_cast<std::int64_t>(
        std::clamp(ns, static_cast<Wide>(-kFarNs), static_cast<Wide>(kFarNs)));
}

std::int64_t ClockBase::ticks_at(const RawClock& clock, std::uint64_t at) const {
    const std::int64_t step = clock.step(raw, at);
    std::int64_t sum = 0;
    if (__builtin_add_overflow(ticks, step, &sum)) return step;
    return sum;
}

void LeadEnvelope::add(std::int64_t arrival, std::int64_t lead) {
    if (empty_) {
        empty_ = false;
        began_ = arrival;
        current_ = previous_ = lead;
        return;
    }
    if (arrival - began_ >= kBucket) {
        previous_ = current_;
        current_ = lead;
        began_ = arrival;
    }
    current_ = std::max(current_, lead);
}

Cadence::Step Cadence::step_to(std::int64_t time, Outcome outcome) {
    due_ = time + frame_;
    return {outcome, time};
}

Cadence::Step Cadence::next(std::int64_t wanted, std::int64_t moved, std::int64_t expected) {
    if (!ever_) {
        ever_ = true;
        fresh_ = false;
        return step_to(wanted, Outcome::kEven);
    }
    if (!active()) {
        fresh_ = false;
        return step_to(wanted, Outcome::kEven);
    }
    const std::int64_t error = wanted - due_;
    if (fresh_) {
        // Overlap with what was delivered cannot be put anywhere; a little is slewed away.
        if (error < -kResyncAt) return {Outcome::kDrop, 0};
        fresh_ = false;
        correcting_ = false;
        average_ = std::min<std::int64_t>(error, 0);
        return step_to(std::max(wanted, due_), Outcome::kEven);
    }
    if (error > kResyncAt) {
        average_ = 0;
        distrust_ = std::min(distrust_ + 20, kDistrust);
        return step_to(wanted, Outcome::kResync);
    }
    if (error < -kResyncAt) {
        average_ = 0;
        if (moved < frame_ / 4) {
            // More frames than time has passed for are repeats, not a stuck clock.
            if (due_ - expected > kHole) return {Outcome::kDrop, 0};
            return step_to(due_, Outcome::kStuck);
        }
        distrust_ = std::min(distrust_ + 20, kDistrust);
        return step_to(due_, Outcome::kRebase);
    }
    if (distrust_ > 0) --distrust_;
    average_ += (error - average_) / 16;
    const std::int64_t size = average_ < 0 ? -average_ : average_;
    if (size > kCorrectFrom) correcting_ = true;
    if (size < kCorrectTo) correcting_ = false;
    std::int64_t correction = 0;
    if (correcting_) {
        correction = std::clamp(average_, -frame_ / 50, frame_ / 50);
        average_ -= correction;
    }
    return step_to(due_ + correction, Outcome::kEven);
}

std::int64_t PictureGrid::next(std::int64_t wanted) {
    const std::int64_t since = wanted - last_;
    if (frame_ <= 0 || since < frame_ / 2 || since > kMostMissing * frame_) {
        run_ = 0;
        return last_ = wanted;
    }
    const std::int64_t due = last_ + (since + frame_ / 2) / frame_ * frame_;
    const std::int64_t error = wanted - due;
    if (error > kRounding || error < -kRounding) {
        run_ = 0;
        return last_ = wanted;
    }
    if (run_ < kCertain) {
        ++run_;
        average_ = 0;
        return last_ = wanted;
    }
    average_ += (error - average_) / 32;
    std::int64_t correction = 0;
    if (average_ > kMs / 2 || average_ < -kMs / 2) correction = average_ / 64;
    average_ -= correction;
    return last_ = due + correction;
}

std::int64_t PictureGrid::distance(std::int64_t cts) const {
    if (run_ < kCertain || cts <= 0) return cts;
    const std::int64_t even = (cts + frame_ / 2) / frame_ * frame_;
    const std::int64_t error = cts - even;
    return error <= kRounding && error >= -kRounding ? even : cts;
}

void RepairTrack::set_config(const LiveTrack& from) {
    const int id = track.id;
    track = from;
    track.id = id;
    video = formats::is_video(track.config.codec);
    const std::int64_t nominal = nominal_interval(track.config);
    cadence.configure(video ? 0 : nominal);
    grid.configure(video ? nominal : 0);
    display.configure(track);
    interval = nominal > 0 ? nominal : kDefaultInterval;
    if (video) needs_key = true;
}

void RepairTrack::note_step(std::int64_t moved) {
    if (moved <= 0 || cadence.active()) return;
    // The middle one of three in a row: a gap or a jump stands alone, another picture rate does
    // not.
    const std::int64_t step = before_last_step == 0
                                  ? std::min(moved, last_step)
                                  : std::clamp(moved,
                                               std::min(last_step, before_last_step),
                                               std::max(last_step, before_last_step));
    before_last_step = last_step;
    last_step = moved;
    if (step <= 0 || step > kMaxInterval) return;
    if (step > 2 * interval || step < interval / 2) {
        interval = step;
    } else {
        interval += (step - interval) / 8;
    }
}

void FastForward::begin(std::int64_t from, std::int64_t taken) {
    if (from >= taken) return;
    from_ = from;
    taken_ = taken;
    lasts_ = std::max(kShortest, (taken - from) / kSpeed);
}

std::int64_t FastForward::place(std::int64_t time) const {
    const std::int64_t until = taken_ + lasts_;
    if (time >= until) return time;
    if (time <= from_) return taken_;
    return taken_ + media::mul_div(time - from_, lasts_, until - from_, media::Rounding::kDown);
}

void RepairTrack::forget_session() {
    in_session = false;
    placed = false;
    session_units = 0;
    behind = 0;
    dts_delay = dts_delay_wanted = 0;
    last_step = before_last_step = 0;
    lead = LeadEnvelope();
    needs_key = true;
    before_key_at = 0;
    cadence.restart();
}

bool same_config(const LiveTrack& a, const LiveTrack& b) {
    return a.config.codec == b.config.codec && a.config.payload == b.config.payload &&
           a.config.parameter_sets == b.config.parameter_sets && a.config.video == b.config.video &&
           a.annex_b == b.annex_b && a.config.nal_length_size == b.config.nal_length_size;
}

}  // namespace sg::ingest::repair
