#pragma once

#include <cstdint>
#include <vector>

#include <media/rational.hpp>
#include <media/timestamp.hpp>

namespace sg::pipeline {

/// The constant-rate frame grid of encoded video: output frame n is shown at n / rate seconds.
struct FrameGrid {
    media::Rational rate{25, 1};
    std::int64_t frames = 0;

    friend bool operator==(const FrameGrid&, const FrameGrid&) = default;

    /// The first output frame that shows a source picture of this presentation time: a picture
    /// serves every n from here up to the next picture's. It is the nearest grid point, halves
    /// going down: ceil(time * rate - 1/2), exactly; so any process picks the same picture for the
    /// same n.
    [[nodiscard]] std::int64_t first_frame_showing(std::int64_t time_ns) const;
    /// Presentation time of output frame n, rounded down.
    [[nodiscard]] std::int64_t time_ns(std::int64_t n) const;
};

/// A timescale in which every frame of `rate` lasts a whole number of ticks, fine enough (>= 10000)
/// for players' arithmetic.
struct VideoTimescale {
    std::int64_t timescale = 0;
    std::int64_t frame_duration = 0;
};
[[nodiscard]] VideoTimescale video_timescale(media::Rational rate);

/// Frame numbers where segments start, and the total at the end: 0, s, 2s, ..., frames.
/// `frames_per_segment` is whole GOPs. A last segment shorter than `least_last` frames joins the
/// one before.
[[nodiscard]] std::vector<std::int64_t> segment_borders(std::int64_t frames,
                                                        std::int64_t frames_per_segment,
                                                        std::int64_t least_last);

/// Audio frame numbers where segments start: for each border (ticks of `timescale`) the first audio
/// frame whose first sample is presented at or after it; frame i presents sample i * frame_samples
/// - priming. The first entry is 0, so priming is in the first segment; the last is `audio_frames`.
/// Entries repeat where a segment holds no audio frame.
[[nodiscard]] std::vector<std::int64_t> audio_borders(
    const std::vector<std::int64_t>& video_borders,
    std::int64_t timescale,
    std::int64_t sample_rate,
    std::int64_t frame_samples,
    std::int64_t priming,
    std::int64_t audio_frames);

}  // namespace sg::pipeline
