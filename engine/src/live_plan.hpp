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

struct LivePlan {
    /// Of a source as long as one segment; tracks are streams in the order they were given. Nothing
    /// in it that depends on length holds.
    pipeline::Plan plan;
    std::int64_t gop_ns = 0;
    std::int64_t gop_step = 1;  ///< frames of the base grid
    std::int64_t segment_gops = 1;
};

/// What a live plan is made for.
struct LiveAims {
    std::chrono::milliseconds segment{2000};
    bool low_latency = true;  ///< encoders keep no picture back; else at most half a second
    unsigned processors = 1;
};

/// The planner's decisions for a live input: the preset's ladder, sizes, filters and encoders.
/// Encoders that one processor is too slow for get several threads.
[[nodiscard]] Result<LivePlan> make_live_plan(const std::string& channel,
                                              std::span<const LiveSeen> tracks,
                                              presets::Preset preset,
                                              const LiveAims& aims);

/// Whether viewers lose nothing when what `fresh` is planned for is made as `now` has it: the shape
/// is the same, nothing in it is larger, brighter or more, and it is filtered alike. Players keep
/// what they have when a smaller picture comes for a while.
[[nodiscard]] bool serves_as_well(const pipeline::Plan& now, const pipeline::Plan& fresh);

}  // namespace sg::engine
