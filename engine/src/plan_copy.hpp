#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plan_parts.hpp"

namespace sg::engine {

/// Why the shown stream cannot be a copied rung beside encoded ones that are cut at `frame_borders`
/// of the base grid; empty when it can.
[[nodiscard]] std::string rung_copy_obstacle(const Planning& planning,
                                             const std::vector<std::int64_t>& frame_borders);

/// The rendition of a rung as a copy of the shown stream on the base grid; its borders are set by
/// the caller.
[[nodiscard]] pipeline::VideoRendition copied_onto_grid(const Planning& planning,
                                                        const pipeline::VideoRendition& rung);

}  // namespace sg::engine
