#pragma once

#include <cstdint>
#include <string>

#include <ingest/facts.hpp>
#include <presets/preset.hpp>

namespace sg::engine {

/// What the viewer sees, upright and with square pixels.
struct Shown {
    double width = 0;
    double height = 0;
};
[[nodiscard]] Shown shown_size(const ingest::VideoFacts& video);

/// The source's pixel shape, or square when what it says cannot be meant.
[[nodiscard]] media::Rational believable_sar(const ingest::VideoFacts& video);

struct Size {
    std::int64_t width = 0;
    std::int64_t height = 0;
    double scale = 1;       ///< against what is shown, never above 1
    bool enlarged = false;  ///< the rung's box is larger than the source
};
/// The largest even size of the source's shape in the rung's box, never enlarged.
[[nodiscard]] Size fit(const Shown& shown, const presets::EffectiveRung& rung);

/// A rung scaled by more than this is so near the source's own size that another one at that size
/// is of no use.
inline constexpr double kNearlyWhole = 0.9;

/// "1080p" of a source with 900 lines is "900p", "1080p-hevc" is "900p-hevc"; other names stay.
[[nodiscard]] std::string fitted_name(const std::string& name, const Size& size);

}  // namespace sg::engine
