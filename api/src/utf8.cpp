#include "utf8.hpp"

#include <cstdint>

namespace sg::api {
namespace {

constexpr std::uint32_t kBad = 0xffffffffU;

/// The code point at the front, which is taken off; kBad for a malformed one.
std::uint32_t take(std::string_view& text) noexcept {
    const auto first = static_cast<unsigned char>(text.front());
    text.remove_prefix(1);
    if (first < 0x80) return first;
    if (first < 0xc2 || first > 0xf4) return kBad;
    const int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    std::uint32_t point = first & (0x3fU >> static_cast<unsigned>(more));
    for (int i = 0; i < more; ++i) {
        if (text.empty()) return kBad;
        const auto next = static_cast<unsigned char>(text.front());
        if ((next & 0xc0U) != 0x80U) return kBad;
        point = (point << 6U) | (next & 0x3fU);
        text.remove_prefix(1);
    }
    const bool overlong = (more == 2 && point < 0x800) || (more == 3 && point < 0x10000);
    const bool surrogate = point >= 0xd800 && point <= 0xdfff;
    return overlong || surrogate || point > 0x10ffff ? kBad : point;
}

bool is_hidden(std::uint32_t point) noexcept {
    return point < 0x20 || (point >= 0x7f && point <= 0x9f) || point == 0xad || point == 0x61c ||
           (point >= 0x200b && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) ||
           (point >= 0x2060 && point <= 0x206f) || point == 0xfeff ||
           (point >= 0xfff9 && point <= 0xfffb);
}

}  // namespace

bool is_utf8(std::string_view text) noexcept {
    while (!text.empty()) {
        if (take(text) == kBad) return false;
    }
    return true;
}

bool is_plain_text(std::string_view text) noexcept {
    while (!text.empty()) {
        const auto point = take(text);
        if (point == kBad || is_hidden(point)) return false;
    }
    return true;
}

}  // namespace sg::api
