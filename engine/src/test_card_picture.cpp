#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "test_card.hpp"

namespace sg::engine {
namespace {

struct Colour {
    std::uint8_t y, u, v;
};

// White, yellow, cyan, green, magenta, red, blue at 75 %, BT.709.
constexpr std::array<Colour, 7> kBars{{{180, 128, 128},
                                       {168, 44, 136},
                                       {145, 147, 44},
                                       {134, 63, 52},
                                       {63, 193, 204},
                                       {51, 109, 212},
                                       {28, 212, 120}}};
constexpr Colour kBlack{16, 128, 128};
constexpr Colour kWhite{235, 128, 128};

void fill(CardPicture& p, int left, int top, int width, int height, Colour colour) {
    for (int y = top; y < top + height; ++y) {
        const auto from = p.y.begin() + y * kCardWidth + left;
        std::fill(from, from + width, colour.y);
    }
    const int half = kCardWidth / 2;
    for (int y = top / 2; y < (top + height) / 2; ++y) {
        const auto at = y * half + left / 2;
        std::fill(p.u.begin() + at, p.u.begin() + at + width / 2, colour.u);
        std::fill(p.v.begin() + at, p.v.begin() + at + width / 2, colour.v);
    }
}

// Seven segments a digit, as watches have them: a to g from the lowest bit.
constexpr std::array<unsigned, 10> kDigits{
    {0x3f, 0x06, 0x5b, 0x4f, 0x66, 0x6d, 0x7d, 0x07, 0x7f, 0x6f}};
constexpr int kDigitWidth = 64;
constexpr int kDigitHeight = 112;
constexpr int kStroke = 14;

void draw_digit(CardPicture& p, int left, int top, unsigned digit) {
    struct Box {
        int x, y, width, height;
    };
    constexpr int kHalf = (kDigitHeight - kStroke) / 2;
    constexpr std::array<Box, 7> kSegments{
        {{0, 0, kDigitWidth, kStroke},
         {kDigitWidth - kStroke, 0, kStroke, kHalf + kStroke},
         {kDigitWidth - kStroke, kHalf, kStroke, kHalf + kStroke},
         {0, kDigitHeight - kStroke, kDigitWidth, kStroke},
         {0, kHalf, kStroke, kHalf + kStroke},
         {0, 0, kStroke, kHalf + kStroke},
         {0, kHalf, kDigitWidth, kStroke}}};
    for (std::size_t i = 0; i < kSegments.size(); ++i) {
        if ((kDigits[digit % 10] >> i & 1U) == 0) continue;
        const auto& box = kSegments[i];
        fill(p, left + box.x, top + box.y, box.width, box.height, kWhite);
    }
}

}  // namespace

CardPicture::CardPicture()
    : y(static_cast<std::size_t>(kCardWidth) * kCardHeight, kBlack.y),
      u(static_cast<std::size_t>(kCardWidth) * kCardHeight / 4, kBlack.u),
      v(static_cast<std::size_t>(kCardWidth) * kCardHeight / 4, kBlack.v) {}

CardPicture draw_bars() {
    CardPicture p;
    const int bar = kCardWidth / static_cast<int>(kBars.size()) & ~1;
    for (std::size_t i = 0; i < kBars.size(); ++i) {
        const int left = static_cast<int>(i) * bar;
        const int width = i + 1 == kBars.size() ? kCardWidth - left : bar;
        fill(p, left, 0, width, kCardHeight, kBars[i]);
    }
    return p;
}

void draw_clock(CardPicture& p, std::int64_t ms_of_day, int frame) {
    const auto text = fmt::format("{:02}:{:02}:{:02}:{:02}",
                                  ms_of_day / 3'600'000 % 24,
                                  ms_of_day / 60'000 % 60,
                                  ms_of_day / 1000 % 60,
                                  frame);
    constexpr int kStep = kDigitWidth + 20;
    const int left = (kCardWidth - static_cast<int>(text.size()) * kStep) / 2 & ~1;
    const int top = kCardHeight * 2 / 3 & ~1;
    fill(p,
         left - 24,
         top - 24,
         static_cast<int>(text.size()) * kStep + 28,
         kDigitHeight + 48,
         kBlack);
    for (std::size_t i = 0; i < text.size(); ++i) {
        const int x = left + static_cast<int>(i) * kStep;
        if (text[i] == ':') {
            fill(p, x + 26, top + 30, 14, 14, kWhite);
            fill(p, x + 26, top + 70, 14, 14, kWhite);
        } else {
            draw_digit(p, x, top, static_cast<unsigned>(text[i] - '0'));
        }
    }
}

}  // namespace sg::engine
