#pragma once

#include <base/result.hpp>
#include <engine/index.hpp>
#include <ingest/facts.hpp>
#include <pipeline/plan.hpp>
#include <presets/preset.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace sg::engine {

/// What the steps of planning share. `plan` grows from step to step; times are presentation ns once the origin is set.
struct Planning {
    const ingest::SourceFacts& facts;
    const Index& index;
    const presets::Preset& preset;
    pipeline::Plan plan;

    const ingest::StreamFacts* video = nullptr;  ///< the pictures to show, null for audio only
    const VideoIndex* video_index = nullptr;
    std::vector<const ingest::StreamFacts*> audio;  ///< the tracks that were chosen
    std::vector<presets::EffectiveRung> rungs;      ///< of plan.video.renditions, one each
    std::int64_t origin_ns = 0;  ///< source ns that becomes presentation zero
    /// Where segments start, in ticks of `border_timescale`, and the end: the same moments for every rendition.
    std::vector<std::int64_t> borders;
    std::int64_t border_timescale = 1;

    void note(std::string code, std::string subject, std::string reason) {
        plan.notes.push_back({std::move(code), std::move(subject), std::move(reason)});
    }
};

/// Picks the streams and says why others are left out.
[[nodiscard]] Status choose_streams(Planning& planning);

/// Frame rate, origin, grid, ladder, filters and chunks of encoded video.
[[nodiscard]] Status plan_encoded_video(Planning& planning);

/// Every video stream that fits is copied; borders are the source's own IDR pictures. False when the source has too few of them (or a
/// codec that no player takes) and must be encoded.
[[nodiscard]] Result<bool> plan_copied_video(Planning& planning);

/// Borders of a presentation without pictures.
void plan_audio_only_borders(Planning& planning);

[[nodiscard]] Status plan_audio(Planning& planning);

/// The earliest chosen audio, source ns; media::kNoTime without audio.
[[nodiscard]] std::int64_t first_audio_ns(const Planning& planning);
[[nodiscard]] std::int64_t last_audio_ns(const Planning& planning);

/// Sets the timeline so that `origin_ns` (source ns) is presented at zero.
void set_origin(Planning& planning, std::int64_t origin_ns);

/// "1080p", then "1080p-2" when that is taken.
[[nodiscard]] std::string unique_name(const Planning& planning, const std::string& wanted);

/// Whether the fragment writer and players take this codec without encoding.
[[nodiscard]] bool can_copy_video(media::CodecId codec);
[[nodiscard]] bool can_copy_audio(media::CodecId codec);

/// "English" for "en"; the tag itself when its name is not known here.
[[nodiscard]] std::string language_name(const std::string& tag);

}  // namespace sg::engine
