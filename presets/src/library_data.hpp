#pragma once

#include <string_view>
#include <vector>

namespace sg::presets {

/// The YAML of every library preset; defined in a source written at build time from library/*.yaml.
[[nodiscard]] const std::vector<std::string_view>& library_texts();

}  // namespace sg::presets
