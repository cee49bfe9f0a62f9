#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <presets/document.hpp>

#include "config_fields.hpp"

namespace sg::apps {

/// Where each given key stood, for faults between keys.
using ConfigPlaces = std::map<std::string, presets::Place>;

/// Files that `root` names are relative to `folder`.
[[nodiscard]] ConfigDocument decode_config(presets::Node root,
                                           const std::filesystem::path& folder,
                                           std::vector<presets::Problem>& problems,
                                           ConfigPlaces& places);

/// Faults between keys, and presets that are not there.
void check_config(const ConfigDocument& document,
                  const ConfigPlaces& places,
                  std::vector<presets::Problem>& problems);

}  // namespace sg::apps
