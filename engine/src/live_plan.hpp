#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <base/result.hpp>
#include <engine/live_link.hpp>
#include <media/rational.hpp>
#include <pipeline/plan.hpp>
#include <presets/preset.hpp>

namespace sg::engine {

/// A track of a live input, as it is when encoding begins.
struct LiveSeen {
    LiveSourceTrack track;
    media::Rational rate{0, 1};  ///< of pictures, as their times tell
};

/// What a rate that was measured over a few pictures, with times in milliseconds perhaps, will be:
/// what the codec says if that agrees, else the nearest standard rate.
[[nodiscard]] media::Rational live_rate(media::Rational measured, const formats::VideoFacts& said);

struct LivePlan {
    /// Of a source as long as one segment; tracks are streams in the order they were given. Nothing
    /// in it that depends on length holds.
    pipeline::Plan plan;
    std::int64_t gop_ns = 0;
    std::int64_t gop_step = 1;  ///< frames of the base grid
    std::int64_t segment_gops = 1;
};

/// The planner's decisions for a live input: the preset's ladder, sizes, filters and encoders, with
/// settings that keep no picture back.
[[nodiscard]] Result<LivePlan> make_live_plan(const std::string& channel,
                                              std::span<const LiveSeen> tracks,
                                              presets::Preset preset,
                                              std::chrono::milliseconds segment);

[[nodiscard]] media::CodecId codec_id(formats::Codec codec);

}  // namespace sg::engine
