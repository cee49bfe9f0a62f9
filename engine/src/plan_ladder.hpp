#pragma once

#include <cstdint>
#include <vector>

#include <presets/preset.hpp>

#include "plan_parts.hpp"

namespace sg::engine {

/// What the rungs of the plan's video renditions were made from, one each in the same order.
struct Ladder {
    std::vector<presets::EffectiveRung> rungs;
    std::vector<bool>
        copy_wanted;  ///< the rung asks for the source's own stream, should it turn out to fit
};

/// Fits the preset's rungs to the source: sizes, frame rates, SDR and HDR branches.
[[nodiscard]] Result<Ladder> plan_ladder(Planning& planning);

/// Rungs that ask for a copy and whose source has its IDR pictures on the borders (frames of the
/// base grid) are copied. Copies move behind the encoded renditions.
void settle_copied_rungs(Planning& planning,
                         Ladder& ladder,
                         const std::vector<std::int64_t>& frame_borders);

/// Who is scaled from whom, and at which size tone mapping runs.
void plan_cascade(Planning& planning);

/// Settles every encoded rendition's encoder options; its GOP must be set.
[[nodiscard]] Status resolve_encoders(Planning& planning, const Ladder& ladder);

}  // namespace sg::engine
