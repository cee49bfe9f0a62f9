#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sg::protocols {

/// Bytes from hex digits; blanks are ignored.
inline std::vector<std::byte> from_hex(std::string_view digits) {
    std::vector<std::byte> bytes;
    unsigned value = 0;
    bool half = false;
    for (const char c : digits) {
        if (c == ' ') continue;
        value = value << 4 | static_cast<unsigned>(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
        if (half) bytes.push_back(static_cast<std::byte>(value & 255));
        half = !half;
    }
    return bytes;
}

inline std::string to_hex(std::span<const std::byte> bytes) {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    std::string digits;
    for (const std::byte byte : bytes) {
        digits += kDigits[std::to_integer<unsigned>(byte) >> 4];
        digits += kDigits[std::to_integer<unsigned>(byte) & 15];
    }
    return digits;
}

}  // namespace sg::protocols
