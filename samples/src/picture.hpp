#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace sg::samples {

/// One 8-bit 4:2:0 picture, BT.709 limited range; planes without padding. Width and height are
/// even.
struct Picture {
    Picture(int picture_width, int picture_height);

    int width;
    int height;
    std::vector<std::uint8_t> luma;
    std::vector<std::uint8_t> blue;
    std::vector<std::uint8_t> red;
};

struct Colour {
    std::uint8_t y = 16;
    std::uint8_t u = 128;
    std::uint8_t v = 128;
};
inline constexpr Colour kWhite{235, 128, 128};
inline constexpr Colour kBlack{16, 128, 128};

void fill(Picture& picture, Colour colour);
/// Clipped to the picture; positions and sizes are rounded to even numbers.
void fill_box(Picture& picture, int x, int y, int width, int height, Colour colour);
void fill_disc(Picture& picture, int x, int y, int radius, Colour colour);
/// Digits, colon and full stop in a dot font; each dot is `dot` pixels wide. Other characters leave
/// a gap.
void draw_text(Picture& picture, int x, int y, int dot, std::string_view text, Colour colour);
/// Columns of dots that draw_text() needs.
[[nodiscard]] int text_dots(std::string_view text);

}  // namespace sg::samples
