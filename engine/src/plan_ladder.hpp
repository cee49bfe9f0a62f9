#pragma once

#include "plan_parts.hpp"

namespace sg::engine {

/// Fits the preset's rungs to the source: sizes, frame rates, SDR and HDR branches, who is scaled from whom.
[[nodiscard]] Status plan_ladder(Planning& planning);

/// Settles every rendition's encoder options once its GOP is known.
[[nodiscard]] Status resolve_encoders(Planning& planning);

}  // namespace sg::engine
