#include <algorithm>
#include <cstdlib>

#include <packagers/copy_times.hpp>

namespace sg::packagers {
namespace {

using media::Rounding;

/// Sound kept in front of presentation zero: the longest encoder delay in use (HE-AAC) and a frame.
constexpr std::int64_t kWarmUpSamples = 4096;
/// Rounded times of the first picture may lie this much before zero.
constexpr std::int64_t kMillisecond = 1'000'000;

}  // namespace

CopyTimes::CopyTimes(const pipeline::VideoRendition& rendition)
    : video_(true),
      timescale_(rendition.timescale),
      frame_duration_(rendition.frame_duration),
      frame_rate_(rendition.frame_rate) {}

CopyTimes::CopyTimes(const pipeline::AudioRendition& rendition)
    : video_(false), timescale_(rendition.sample_rate), frame_samples_(rendition.frame_samples) {}

std::int64_t CopyTimes::ticks(std::int64_t ns) const {
    return media::rescale(ns, media::kNanoseconds, {1, timescale_}, Rounding::kNearest);
}

std::optional<CopyTimes::Placed> CopyTimes::place(std::int64_t pts_ns,
                                                  std::int64_t duration_ns,
                                                  bool discard) {
    if (video_) {
        if (pts_ns < -kMillisecond || discard) return std::nullopt;
        if (frame_duration_ == 0) return Placed{ticks(pts_ns), ticks(duration_ns)};
        return Placed{
            pipeline::FrameGrid{frame_rate_, 0}.first_frame_showing(pts_ns) * frame_duration_,
            frame_duration_};
    }
    const auto samples = frame_samples_ > 0 ? frame_samples_ : ticks(duration_ns);
    const auto at = ticks(pts_ns);
    // Counted while the container's times agree to half a frame; a real jump is followed.
    if (next_sample_ == media::kNoTime ||
        std::abs(at - next_sample_) > std::max<std::int64_t>(samples / 2, 64))
        next_sample_ = at;
    const auto start = next_sample_;
    next_sample_ += samples;
    if (start + samples <= -kWarmUpSamples) return std::nullopt;
    if (start + samples <= 0 && !discard && start < -kWarmUpSamples) return std::nullopt;
    return Placed{start, samples};
}

}  // namespace sg::packagers
