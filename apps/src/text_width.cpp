#include "text_width.hpp"

#include <clocale>
#include <cstdint>
#include <cwchar>

namespace sg::apps {
namespace {

struct Character {
    char32_t code = 0;
    std::size_t bytes = 1;
    bool good = false;
};

// RFC 3629: no overlong forms, no surrogates, nothing past U+10FFFF.
Character next_character(std::string_view text) {
    const auto lead = static_cast<unsigned char>(text[0]);
    if (lead < 0x80) return {lead, 1, true};
    const std::size_t length = lead >= 0xF0 ? 4 : (lead >= 0xE0 ? 3 : 2);
    if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return {};
    char32_t code = lead & (0xFFU >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if ((byte & 0xC0U) != 0x80) return {};
        code = (code << 6U) | (byte & 0x3FU);
    }
    const char32_t least = length == 4 ? 0x10000 : (length == 3 ? 0x800 : 0x80);
    if (code < least || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return {};
    return {code, length, true};
}

bool steers_terminal(char32_t code) {
    return code < 0x20 || (code >= 0x7F && code < 0xA0);
}

std::size_t columns_of(char32_t code) {
    const int width = ::wcwidth(static_cast<wchar_t>(code));
    return width < 0 ? 1 : static_cast<std::size_t>(width);
}

// The longest front of `text` that is at most `columns` wide, in bytes.
std::size_t front_bytes(std::string_view text, std::size_t columns) {
    std::size_t bytes = 0;
    while (bytes < text.size()) {
        const auto character = next_character(text.substr(bytes));
        const auto width = character.good ? columns_of(character.code) : 1;
        if (width > columns) break;
        columns -= width;
        bytes += character.bytes;
    }
    return bytes;
}

}  // namespace

void use_unicode_widths() {
    std::setlocale(LC_CTYPE, "C.UTF-8");
}

std::size_t text_width(std::string_view utf8) {
    std::size_t columns = 0;
    while (!utf8.empty()) {
        const auto character = next_character(utf8);
        columns += character.good ? columns_of(character.code) : 1;
        utf8.remove_prefix(character.bytes);
    }
    return columns;
}

std::string printable(std::string_view utf8) {
    std::string text;
    text.reserve(utf8.size());
    while (!utf8.empty()) {
        const auto character = next_character(utf8);
        if (character.good && !steers_terminal(character.code)) {
            text += utf8.substr(0, character.bytes);
        } else {
            text += "\uFFFD";
        }
        utf8.remove_prefix(character.bytes);
    }
    return text;
}

std::string printable_lines(std::string_view utf8) {
    std::string text;
    while (true) {
        const auto end = utf8.find('\n');
        text += printable(utf8.substr(0, end));
        if (end == std::string_view::npos) return text;
        text += '\n';
        utf8.remove_prefix(end + 1);
    }
}

std::string fitted(std::string_view utf8, std::size_t columns) {
    const auto width = text_width(utf8);
    if (width <= columns) return std::string(utf8) + std::string(columns - width, ' ');
    if (columns == 0) return {};
    const auto left = (columns - 1) / 2;
    std::string text(utf8.substr(0, front_bytes(utf8, left)));
    text += "…";
    auto room = columns - text_width(text);
    // The longest end that fits.
    for (std::size_t at = 0; at < utf8.size();) {
        const auto end = utf8.substr(at);
        if (text_width(end) <= room) {
            text += end;
            room -= text_width(end);
            break;
        }
        at += next_character(end).bytes;
    }
    return text + std::string(room, ' ');
}

std::string clipped(std::string_view utf8, std::size_t columns) {
    return std::string(utf8.substr(0, front_bytes(utf8, columns)));
}

}  // namespace sg::apps
