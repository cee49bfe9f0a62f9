#pragma once

#include <vector>

#include <presets/loader.hpp>

namespace sg::presets {

/// Sets each dotted key in the tree. List entries are named by index ("video.ladder.0.crf",
/// "video.ladder[0].crf") or by the name they carry ("video.ladder.720p.crf"). A null value removes
/// the key.
void set_overrides(Node& root, const Overrides& overrides, std::vector<Problem>& problems);

}  // namespace sg::presets
