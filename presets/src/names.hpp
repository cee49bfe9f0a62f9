#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <presets/document.hpp>
#include <presets/preset.hpp>

namespace sg::presets {

/// The written names of an enum's values, in the order of its enumerators.
template <class E>
[[nodiscard]] std::span<const char* const> names_of();

template <class E>
[[nodiscard]] std::vector<std::string> accepted_of() {
    const auto names = names_of<E>();
    return {names.begin(), names.end()};
}

/// Source codec names an audio rendition may name in copy_only.
[[nodiscard]] const std::vector<std::string>& copyable_audio_codecs();

}  // namespace sg::presets
