#pragma once

#include <map>
#include <string>
#include <vector>

#include <presets/document.hpp>
#include <presets/preset.hpp>

namespace sg::presets {

/// Where each field stood, by dotted path.
using Places = std::map<std::string, Place>;

/// Types every field of a tree whose `extends` is already resolved. Appends all faults; the preset
/// is usable only without any.
[[nodiscard]] Preset decode(const Node& root, std::vector<Problem>& problems, Places& places);

/// What must hold between fields: borders, codec limits, containers, options. Appends all faults.
void check_consistency(const Preset& preset, const Places& places, std::vector<Problem>& problems);

}  // namespace sg::presets
