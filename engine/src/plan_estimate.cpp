#include <algorithm>
#include <charconv>
#include <vector>

#include <engine/planner.hpp>

namespace sg::engine {
namespace {

using media::CodecId;
using pipeline::RenditionMode;

/// Seconds of one processor for a pixel, from runs of the benchmark at the library's speeds; a
/// guess for display, never part of a plan.
double encoding_cost(CodecId codec) {
    switch (codec) {
        case CodecId::kHevc:
            return 60e-9;
        case CodecId::kAv1:
            return 45e-9;
        case CodecId::kVp9:
            return 50e-9;
        default:
            return 12e-9;
    }
}
constexpr double kDecodingCost = 3.5e-9;
constexpr double kToneMappingCost = 40e-9;
constexpr double kAudioCost = 0.006;  // of a second's channel

/// Bits for a pixel of ordinary film when nothing else is known.
double usual_bits(CodecId codec) {
    return codec == CodecId::kH264 ? 0.07 : 0.045;
}

std::int64_t option(const pipeline::EncoderSettings& settings, const char* name) {
    std::int64_t value = 0;
    for (const auto& [key, text] : settings.options) {
        if (key == name) std::from_chars(text.data(), text.data() + text.size(), value);
    }
    return value;
}

double video_bitrate(const pipeline::VideoRendition& r) {
    const auto fixed = option(r.encoder, "b");
    const bool constant_quality = option(r.encoder, "crf") > 0;
    if (fixed > 0 && !constant_quality) return static_cast<double>(fixed);
    const double usual =
        static_cast<double>(r.width * r.height) * r.frame_rate.as_double() * usual_bits(r.codec);
    const auto cap =
        r.encoder.max_bitrate > 0 ? r.encoder.max_bitrate : option(r.encoder, "maxrate");
    // Capped quality stays well under its cap on most material.
    return cap > 0 ? std::min(usual, static_cast<double>(cap) * 0.8) : usual;
}

double audio_bitrate(const pipeline::AudioRendition& r) {
    const auto fixed = option(r.encoder, "b");
    return static_cast<double>(fixed > 0 ? fixed : r.encoder.max_bitrate * 6 / 10);
}

}  // namespace

Estimate estimate(const pipeline::Plan& plan, int jobs) {
    const double seconds = static_cast<double>(plan.duration_ns) / 1e9;
    const auto& video = plan.video;
    double video_cpu = 0;
    double bytes = 0;
    bool copies = false;
    for (const auto& r : video.renditions) {
        copies = copies || r.mode == RenditionMode::kCopy;
        if (r.mode == RenditionMode::kCopy) continue;
        video_cpu += seconds * r.frame_rate.as_double() * static_cast<double>(r.width * r.height) *
                     encoding_cost(r.codec);
        bytes += seconds * video_bitrate(r) / 8;
    }
    if (!video.chunks.empty()) {
        const double pictures = seconds * video.grid.rate.as_double() *
                                static_cast<double>(video.source_width * video.source_height);
        const bool tone_maps = std::any_of(video.branches.begin(),
                                           video.branches.end(),
                                           [](const auto& b) { return b.name == "sdr"; });
        video_cpu += pictures * (kDecodingCost + (tone_maps ? kToneMappingCost : 0.0));
    }
    double audio_cpu = 0;
    for (const auto& r : plan.audio) {
        copies = copies || r.mode == RenditionMode::kCopy;
        if (r.mode == RenditionMode::kCopy) continue;
        audio_cpu += seconds * kAudioCost * static_cast<double>(r.channels);
        bytes += seconds * audio_bitrate(r) / 8;
    }
    // What is copied is at most the source.
    if (copies) bytes += static_cast<double>(plan.source.identity.bytes);

    Estimate e;
    e.cpu_seconds = video_cpu + audio_cpu;
    e.video_cpu_seconds = video_cpu;
    e.audio_cpu_seconds = audio_cpu;
    e.bytes = static_cast<std::int64_t>(bytes);
    // No more at once than there are tasks; none shorter than the longest of them.
    const auto chunks = static_cast<double>(std::max<std::size_t>(video.chunks.size(), 1));
    e.wall_seconds = std::max({e.cpu_seconds / std::max(1, jobs), video_cpu / chunks, audio_cpu});
    return e;
}

}  // namespace sg::engine
