#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <base/result.hpp>
#include <engine/index.hpp>
#include <ingest/facts.hpp>
#include <pipeline/plan.hpp>
#include <presets/preset.hpp>

namespace sg::engine {

/// Subject of notes on the source as a whole: a plan does not know what its source's file is
/// called.
inline constexpr const char* kSource = "source";

/// What the steps of planning share. `plan` grows from step to step; times are presentation ns once
/// the origin is set.
struct Planning {
    const ingest::SourceFacts& facts;
    const Index& index;
    const presets::Preset& preset;
    pipeline::Plan plan{};

    const ingest::StreamFacts* video = nullptr;  ///< the pictures to show, null for audio only
    const VideoIndex* video_index = nullptr;
    std::vector<const ingest::StreamFacts*>
        audio{};  ///< the tracks that were chosen, the one to play first in front
    std::vector<std::string> audio_labels{};  ///< of `audio`, each once
    bool fields_become_pictures = false;      ///< deinterlacing doubles the rate
    std::int64_t origin_ns = 0;               ///< source ns that becomes presentation zero
    /// Where segments start, in ticks of `border_timescale`, and the end: the same moments for
    /// every rendition.
    std::vector<std::int64_t> borders{};
    std::int64_t border_timescale = 1;

    /// Codes are listed in docs/plan-notes.md.
    void note(std::string code, std::string subject, std::string reason) {
        plan.notes.push_back({std::move(code), std::move(subject), std::move(reason)});
    }
};

/// Picks the streams and says why others are left out.
[[nodiscard]] Status choose_streams(Planning& planning);

/// Frame rate, origin, grid, ladder, filters and chunks of encoded video.
[[nodiscard]] Status plan_encoded_video(Planning& planning);

/// Every video stream that fits is copied; borders are the source's own IDR pictures. False when
/// the source has too few of them (or a codec that no player takes) and must be encoded.
[[nodiscard]] Result<bool> plan_copied_video(Planning& planning);

/// Borders of a presentation without pictures.
[[nodiscard]] Status plan_audio_only_borders(Planning& planning);

[[nodiscard]] Status plan_audio(Planning& planning);

/// The earliest chosen audio, source ns; media::kNoTime without audio.
[[nodiscard]] std::int64_t first_audio_ns(const Planning& planning);
[[nodiscard]] std::int64_t last_audio_ns(const Planning& planning);

/// The longest frame of any audio rendition to come: a shorter segment could hold none.
[[nodiscard]] std::int64_t longest_audio_frame_ns(const Planning& planning);

/// A last segment shorter than this joins the one before, whose usual length is `segment_ns`: half
/// a second where RFC 8216 section 4.3.3.1 (a duration, rounded, does not exceed the target) allows
/// it, and never less than the audio needs.
[[nodiscard]] std::int64_t shortest_last_segment_ns(const Planning& planning,
                                                    std::int64_t segment_ns);

/// Sets the timeline so that `origin_ns` (source ns) is presented at zero.
void set_origin(Planning& planning, std::int64_t origin_ns);

/// kLimit when a presentation that long is over the preset's limit; asked before anything is made
/// for each segment.
[[nodiscard]] Status check_duration(const Planning& planning, std::int64_t duration_ns);

/// "1080p", then "1080p-2" when that is taken.
[[nodiscard]] std::string unique_name(const Planning& planning, const std::string& wanted);

/// Whether the fragment writer and players take this codec without encoding.
[[nodiscard]] bool can_copy_video(media::CodecId codec);
[[nodiscard]] bool can_copy_audio(media::CodecId codec);

}  // namespace sg::engine
