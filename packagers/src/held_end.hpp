#pragma once

#include <cstdint>

namespace sg::packagers {

/// Where a copied track of sound ends whose last frame ends at `end` and whose presentation does at
/// `border`: there, unless hardly anything is missing. In ticks.
[[nodiscard]] inline std::int64_t held_end(std::int64_t end,
                                           std::int64_t border,
                                           std::int64_t timescale) {
    constexpr std::int64_t kHardlyAnything = 20;  // of a second, one
    return border - end > timescale / kHardlyAnything ? border : end;
}

}  // namespace sg::packagers
