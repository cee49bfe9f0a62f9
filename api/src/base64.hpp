#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sg::api {

/// RFC 4648 §4, padded.
[[nodiscard]] std::string to_base64(std::string_view bytes);
/// Strict: padding and the unused bits must be as the encoder makes them. Hostile text.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

}  // namespace sg::api
