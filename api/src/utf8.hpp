#pragma once

#include <string_view>

namespace sg::api {

/// Well-formed UTF-8 (RFC 3629): no overlong forms, surrogates, or code points past U+10FFFF.
[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

/// Without U+0000 to U+001F, U+007F to U+009F and the characters that reorder text or are not seen
/// (bidirectional controls, zero-width ones, the byte order mark). For names; expects UTF-8.
[[nodiscard]] bool is_plain_text(std::string_view text) noexcept;

}  // namespace sg::api
