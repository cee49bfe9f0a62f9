#include <algorithm>
#include <limits>

#include <pipeline/grid.hpp>

namespace sg::pipeline {
namespace {

constexpr std::int64_t kNsPerSecond = 1'000'000'000;
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

std::int64_t saturated(media::Int128 v) {
    return static_cast<std::int64_t>(
        std::clamp(v, -static_cast<media::Int128>(kMost), static_cast<media::Int128>(kMost)));
}

media::Int128 ceil_div(media::Int128 n, media::Int128 d) {
    const auto q = n / d;
    return q + (n % d > 0 ? 1 : 0);
}

}  // namespace

std::int64_t FrameGrid::first_frame_showing(std::int64_t time_ns) const {
    if (!rate.positive()) return 0;
    const auto r = media::reduced(rate);
    // ceil(t * num / (den * 1e9) - 1/2), over the common denominator.
    const auto den = static_cast<media::Int128>(r.den) * kNsPerSecond;
    return saturated(ceil_div(static_cast<media::Int128>(time_ns) * r.num - den / 2, den));
}

std::int64_t FrameGrid::time_ns(std::int64_t n) const {
    if (!rate.positive()) return 0;
    const auto r = media::reduced(rate);
    if (r.den > kMost / kNsPerSecond) return n == 0 ? 0 : (n < 0 ? -kMost : kMost);
    return media::mul_div(n, r.den * kNsPerSecond, r.num, media::Rounding::kDown);
}

VideoTimescale video_timescale(media::Rational rate) {
    if (!rate.positive()) return {};
    const auto r = media::reduced(rate);
    if (r.num >= 10000) return {r.num, r.den};
    return {r.num * 1000, saturated(static_cast<media::Int128>(r.den) * 1000)};
}

std::vector<std::int64_t> segment_borders(std::int64_t frames,
                                          std::int64_t frames_per_segment,
                                          std::int64_t least_last) {
    std::vector<std::int64_t> borders{0};
    if (frames <= 0) return borders;
    if (frames_per_segment > 0 && frames_per_segment < frames) {
        const auto whole = frames / frames_per_segment;
        const auto rest = frames % frames_per_segment;
        // The number of starts; a runt's start is left out, so its frames fall to the one before.
        const auto starts = whole + (rest > 0 && rest >= least_last ? 1 : 0);
        borders.reserve(static_cast<std::size_t>(starts) + 1);
        for (std::int64_t i = 1; i < starts; ++i) borders.push_back(i * frames_per_segment);
    }
    borders.push_back(frames);
    return borders;
}

std::vector<std::int64_t> audio_borders(const std::vector<std::int64_t>& video_borders,
                                        std::int64_t timescale,
                                        std::int64_t sample_rate,
                                        std::int64_t frame_samples,
                                        std::int64_t priming,
                                        std::int64_t audio_frames) {
    std::vector<std::int64_t> borders;
    if (video_borders.empty() || timescale <= 0 || sample_rate <= 0 || frame_samples <= 0) {
        return borders;
    }
    borders.reserve(video_borders.size());
    borders.push_back(0);
    for (std::size_t i = 1; i < video_borders.size(); ++i) {
        // Frame starts are whole samples, so "at or after" may round the border up to one first.
        const auto sample =
            media::mul_div(video_borders[i], sample_rate, timescale, media::Rounding::kUp);
        const auto frame =
            saturated(ceil_div(static_cast<media::Int128>(sample) + priming, frame_samples));
        borders.push_back(
            std::clamp(frame, borders.back(), std::max(audio_frames, borders.back())));
    }
    borders.back() = audio_frames;
    return borders;
}

}  // namespace sg::pipeline
