#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <engine/index.hpp>
#include <engine/planner.hpp>
#include <ingest/facts.hpp>
#include <pipeline/plan.hpp>
#include <presets/loader.hpp>

namespace sg::engine::test {

inline constexpr std::int64_t kMs = 1'000'000;
inline constexpr std::int64_t kSec = 1'000 * kMs;

struct VideoTrait {
    int width = 1920;
    int height = 1080;
    media::Rational rate{25, 1};
    double seconds = 30;
    std::int64_t first_ns = 0;
    double gop_seconds = 2;
    bool idr = true;
    bool constant = true;
    media::CodecId codec = media::CodecId::kH264;
    std::string codec_detail = "h264";
};

struct AudioTrait {
    int rate = 48000;
    int channels = 2;
    double seconds = 30;
    std::int64_t first_ns = 0;
    std::string language = "und";
    media::CodecId codec = media::CodecId::kAac;
    std::string codec_detail = "aac";
    int frame_samples = 1024;
};

/// A made-up source: what a probe and an index would have told about it.
struct Source {
    Source();

    ingest::StreamFacts& add_video(const VideoTrait& trait);
    ingest::StreamFacts& add_audio(const AudioTrait& trait);
    ingest::StreamFacts& add_other(media::MediaType type);
    VideoIndex& video_index() { return index.video.back(); }
    AudioIndex& audio_index() { return index.audio.back(); }

    ingest::SourceFacts facts;
    Index index;
};

/// 1080p25 with stereo, 30 s unless told otherwise.
[[nodiscard]] Source film(const VideoTrait& video = {}, const AudioTrait& audio = {});

[[nodiscard]] presets::Preset preset(const std::string& name,
                                     const presets::Overrides& overrides = {});

/// Makes the plan twice and checks everything that holds for every plan.
pipeline::Plan planned(const Source& source, const presets::Preset& preset);
/// The error of a plan that cannot be made.
[[nodiscard]] Error refused(const Source& source, const presets::Preset& preset);

[[nodiscard]] bool noted(const pipeline::Plan& plan, const std::string& code);
/// The reasons of all notes with this code, one a line.
[[nodiscard]] std::string reasons(const pipeline::Plan& plan, const std::string& code);
[[nodiscard]] std::vector<std::string> names(const pipeline::Plan& plan);
/// "1920x1080".
[[nodiscard]] std::vector<std::string> sizes(const pipeline::Plan& plan);
[[nodiscard]] const pipeline::VideoRendition& rendition(const pipeline::Plan& plan,
                                                        std::string_view name);
[[nodiscard]] std::string option(const pipeline::EncoderSettings& settings,
                                 const std::string& name);

}  // namespace sg::engine::test
