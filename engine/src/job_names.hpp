#pragma once

#include <string>

namespace sg::engine {

/// `wanted` as the name of one folder that every file system and URL path takes: no separators,
/// control or reserved characters, no leading dot, at most 100 bytes, valid UTF-8; "input" when
/// nothing is left. A name that is fine comes back unchanged.
[[nodiscard]] std::string safe_name(const std::string& wanted);

}  // namespace sg::engine
