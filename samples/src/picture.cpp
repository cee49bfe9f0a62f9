#include "picture.hpp"

#include <algorithm>
#include <array>

namespace sg::samples {
namespace {

constexpr int kGlyphColumns = 5;
constexpr int kGlyphRows = 7;

struct Glyph {
    char character;
    std::array<std::uint8_t, kGlyphRows> rows;  // bit 4 is the leftmost dot
};

constexpr std::array<Glyph, 12> kGlyphs{{
    {'0', {0b01110, 0b10001, 0b10011, 0b10101, 0b11001, 0b10001, 0b01110}},
    {'1', {0b00100, 0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110}},
    {'2', {0b01110, 0b10001, 0b00001, 0b00110, 0b01000, 0b10000, 0b11111}},
    {'3', {0b11110, 0b00001, 0b00001, 0b01110, 0b00001, 0b00001, 0b11110}},
    {'4', {0b00010, 0b00110, 0b01010, 0b10010, 0b11111, 0b00010, 0b00010}},
    {'5', {0b11111, 0b10000, 0b11110, 0b00001, 0b00001, 0b10001, 0b01110}},
    {'6', {0b00110, 0b01000, 0b10000, 0b11110, 0b10001, 0b10001, 0b01110}},
    {'7', {0b11111, 0b00001, 0b00010, 0b00100, 0b01000, 0b01000, 0b01000}},
    {'8', {0b01110, 0b10001, 0b10001, 0b01110, 0b10001, 0b10001, 0b01110}},
    {'9', {0b01110, 0b10001, 0b10001, 0b01111, 0b00001, 0b00010, 0b01100}},
    {':', {0b00000, 0b00100, 0b00100, 0b00000, 0b00100, 0b00100, 0b00000}},
    {'.', {0b00000, 0b00000, 0b00000, 0b00000, 0b00000, 0b01100, 0b01100}},
}};

void fill_row(Picture& picture, int y, int from, int to, Colour colour) {
    if (y < 0 || y >= picture.height) return;
    from = std::clamp(from, 0, picture.width) & ~1;
    to = std::clamp(to, 0, picture.width) & ~1;
    if (from >= to) return;
    std::fill_n(
        picture.luma.begin() + std::ptrdiff_t{y} * picture.width + from, to - from, colour.y);
    if (y % 2 != 0) return;
    const auto chroma = std::ptrdiff_t{y / 2} * (picture.width / 2) + from / 2;
    std::fill_n(picture.blue.begin() + chroma, (to - from) / 2, colour.u);
    std::fill_n(picture.red.begin() + chroma, (to - from) / 2, colour.v);
}

}  // namespace

Picture::Picture(int picture_width, int picture_height)
    : width(picture_width), height(picture_height) {
    const auto pixels = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
    luma.resize(pixels);
    blue.resize(pixels / 4);
    red.resize(pixels / 4);
}

void fill(Picture& picture, Colour colour) {
    std::ranges::fill(picture.luma, colour.y);
    std::ranges::fill(picture.blue, colour.u);
    std::ranges::fill(picture.red, colour.v);
}

void fill_box(Picture& picture, int x, int y, int width, int height, Colour colour) {
    y &= ~1;
    for (int row = y; row < y + height; ++row) fill_row(picture, row, x, x + width, colour);
}

void fill_disc(Picture& picture, int x, int y, int radius, Colour colour) {
    int half = 0;
    for (int row = -radius; row <= radius; ++row) {
        // The half width changes little from row to row.
        while (half * half + row * row < radius * radius) ++half;
        while (half > 0 && half * half + row * row > radius * radius) --half;
        fill_row(picture, y + row, x - half, x + half, colour);
    }
}

int text_dots(std::string_view text) {
    return static_cast<int>(text.size()) * (kGlyphColumns + 1) - 1;
}

void draw_text(Picture& picture, int x, int y, int dot, std::string_view text, Colour colour) {
    for (const char character : text) {
        for (const auto& glyph : kGlyphs) {
            if (glyph.character != character) continue;
            for (int row = 0; row < kGlyphRows; ++row) {
                for (int column = 0; column < kGlyphColumns; ++column) {
                    const auto bits = glyph.rows[static_cast<std::size_t>(row)];
                    if (((bits >> (kGlyphColumns - 1 - column)) & 1) == 0) continue;
                    fill_box(picture, x + column * dot, y + row * dot, dot, dot, colour);
                }
            }
        }
        x += (kGlyphColumns + 1) * dot;
    }
}

}  // namespace sg::samples
