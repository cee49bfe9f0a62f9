#pragma once

#include <cstdint>
#include <string_view>

namespace sg::formats {

/// mdhd's packed ISO 639-2/T code for a BCP 47 tag; "und" when its primary subtag has none.
[[nodiscard]] std::uint16_t packed_language(std::string_view tag);

/// True when packed_language() says less than the tag, so that an elng box is needed.
[[nodiscard]] bool needs_extended_language(std::string_view tag);

}  // namespace sg::formats
