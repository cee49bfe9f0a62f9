#include "index_audio.hpp"

#include <algorithm>
#include <cstdlib>

namespace sg::engine {
namespace {

using media::kNoTime;

constexpr std::int64_t kGap = 40'000'000;
/// A clock drifts by microseconds a packet: what steps is a seam, or a duration that the demuxer
/// guessed (Vorbis in Ogg).
constexpr std::int64_t kSeam = 3'000'000;
constexpr std::size_t kMaxGaps = 100;

}  // namespace

AudioTracker::AudioTracker(const ingest::StreamFacts& facts)
    : sample_rate_(facts.audio.sample_rate), frame_samples_(facts.audio.frame_samples) {
    index_.stream = facts.index;
}

std::int64_t AudioTracker::to_ns(std::int64_t samples) const {
    return sample_rate_ > 0
               ? media::mul_div(samples, 1'000'000'000, sample_rate_, media::Rounding::kNearest)
               : 0;
}

/// Durations may be rounded to milliseconds; codecs with frames of one size count exactly.
std::int64_t AudioTracker::samples_of(const IndexRecord& record) const {
    if (sample_rate_ <= 0) return 0;
    const std::int64_t by_duration = media::mul_div(std::max<std::int64_t>(record.duration_ns, 0),
                                                    sample_rate_,
                                                    1'000'000'000,
                                                    media::Rounding::kNearest);
    if (frame_samples_ <= 1) return by_duration;
    if (by_duration == 0 || std::llabs(by_duration - frame_samples_) * 4 < frame_samples_)
        return frame_samples_;
    return by_duration;
}

void AudioTracker::add(const IndexRecord& record) {
    const std::int64_t ns = record.pts_ns + record.shift_ns;
    index_.bytes += record.bytes;
    if (record.filled) ++index_.untimed;
    const std::int64_t samples = samples_of(record);
    // What is to be skipped may reach over several packets.
    to_skip_ += record.skip_samples;
    const std::int64_t skipped = std::min(to_skip_, samples);
    to_skip_ -= skipped;
    if (record.discard || (skipped > 0 && skipped == samples)) {
        ++index_.discarded;
        return;
    }
    ++index_.packets;
    if (index_.packets == 1) {
        index_.first_ns = ns + to_ns(skipped);
        run_start_ns_ = ns;
    } else if (std::llabs(ns - expected_ns_) > kGap) {
        ++index_.gap_count;
        index_.gap_total_ns += ns - expected_ns_;
        if (index_.gaps.size() < kMaxGaps) index_.gaps.push_back({expected_ns_, ns - expected_ns_});
        settled_drift_ns_ += run_drift_ns_;
        run_start_ns_ = ns;
        run_samples_ = 0;
    } else if (std::llabs(ns - expected_ns_) > kSeam) {
        settled_drift_ns_ += run_drift_ns_;
        run_start_ns_ = ns;
        run_samples_ = 0;
    }
    run_drift_ns_ = ns - run_start_ns_ - to_ns(run_samples_);
    run_samples_ += samples;
    index_.samples += std::max<std::int64_t>(0, samples - skipped - record.drop_samples);
    index_.last_ns = ns;
    expected_ns_ =
        ns + (samples > 0 ? to_ns(samples) : std::max<std::int64_t>(record.duration_ns, 0));
    const std::int64_t end = expected_ns_ - to_ns(record.drop_samples);
    index_.end_ns = index_.end_ns == kNoTime ? end : std::max(index_.end_ns, end);
    if (record.drop_samples > 0) index_.end_ns = end;
}

AudioIndex AudioTracker::finish() {
    index_.drift_ns = settled_drift_ns_ + run_drift_ns_;
    return std::move(index_);
}

}  // namespace sg::engine
