#pragma once

#include <cstdint>
#include <string>

namespace sg::formats {

/// A four-character code as it lies in the file, first character in the highest byte.
using FourCc = std::uint32_t;

consteval FourCc fourcc(const char (&text)[5]) {
    FourCc value = 0;
    for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(text[i]);
    return value;
}

/// "moov"; bytes that are not printable ASCII become '?'.
[[nodiscard]] std::string fourcc_text(FourCc code);

}  // namespace sg::formats
