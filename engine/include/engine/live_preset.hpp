#pragma once

#include <base/result.hpp>
#include <presets/preset.hpp>

namespace sg::engine {

/// Whether live channels can be encoded with it; the error says what is in the way.
[[nodiscard]] Status check_live_preset(const presets::Preset& preset);

}  // namespace sg::engine
