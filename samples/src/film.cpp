#include "film.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <random>

#include <fmt/format.h>

namespace sg::samples {
namespace {

constexpr std::size_t kWaveSize = 1024;
constexpr std::size_t kTileSize = 512;
constexpr double kTurn = 2 * std::numbers::pi;

std::vector<std::int8_t> make_wave() {
    std::vector<std::int8_t> wave(kWaveSize);
    for (std::size_t i = 0; i < kWaveSize; ++i) {
        wave[i] = static_cast<std::int8_t>(std::lround(
            40 * std::sin(kTurn * static_cast<double>(i) / static_cast<double>(kWaveSize))));
    }
    return wave;
}

// Noise smoothed a little, as film grain and leaves are: without it an encoder would have nothing
// to do.
std::vector<std::int8_t> make_texture() {
    std::vector<int> noise(kTileSize * kTileSize);
    std::minstd_rand random(20'24);
    for (auto& value : noise) value = static_cast<int>(random() % 97) - 48;
    std::vector<std::int8_t> texture(noise.size());
    const auto at = [&](std::size_t x, std::size_t y) {
        return noise[(y % kTileSize) * kTileSize + x % kTileSize];
    };
    for (std::size_t y = 0; y < kTileSize; ++y) {
        for (std::size_t x = 0; x < kTileSize; ++x) {
            int sum = 0;
            for (std::size_t dy = 0; dy < 3; ++dy) {
                for (std::size_t dx = 0; dx < 3; ++dx) sum += at(x + dx, y + dy);
            }
            texture[y * kTileSize + x] = static_cast<std::int8_t>(sum / 18);
        }
    }
    return texture;
}

bool starts_second(const FilmFormat& format, std::int64_t frame) {
    const auto second_of = [&](std::int64_t n) {
        return n < 0 ? std::int64_t{-1} : n * format.rate_den / format.rate_num;
    };
    return second_of(frame) != second_of(frame - 1);
}

// Back and forth between 0 and `range`.
int bounce(std::int64_t position, int range) {
    if (range <= 0) return 0;
    const auto at = static_cast<int>(position % (2 * std::int64_t{range}));
    return at < range ? at : 2 * range - at;
}

}  // namespace

FilmPictures::FilmPictures(const FilmFormat& format)
    : format_(format), wave_(make_wave()), texture_(make_texture()) {}

void FilmPictures::draw(std::int64_t frame, Picture& picture) const {
    if (starts_second(format_, frame)) {
        fill(picture, kWhite);
    } else {
        draw_landscape(frame, picture);
        draw_discs(frame, picture);
    }
    draw_panel(frame, picture);
}

void FilmPictures::draw_landscape(std::int64_t frame, Picture& picture) const {
    const auto n = static_cast<std::size_t>(frame);
    const auto width = static_cast<std::size_t>(picture.width);
    const auto height = static_cast<std::size_t>(picture.height);
    // Scales with the picture, so every size shows the same scene.
    const std::size_t step = std::max<std::size_t>(1, 2 * 1080 / height);
    for (std::size_t y = 0; y < height; ++y) {
        auto* row = picture.luma.data() + y * width;
        const int across = wave_[(y * step + n * 3) % kWaveSize];
        const auto* grain = texture_.data() + ((y + n) % kTileSize) * kTileSize;
        for (std::size_t x = 0; x < width; ++x) {
            const int along = wave_[(x * step / 2 + y * step / 4 + n * 7) % kWaveSize];
            row[x] = static_cast<std::uint8_t>(112 + along + across / 2 +
                                               grain[(x + 2 * n) % kTileSize]);
        }
    }
    for (std::size_t y = 0; y < height / 2; ++y) {
        auto* blue = picture.blue.data() + y * (width / 2);
        auto* red = picture.red.data() + y * (width / 2);
        for (std::size_t x = 0; x < width / 2; ++x) {
            blue[x] = static_cast<std::uint8_t>(128 + wave_[(x * step + n * 5) % kWaveSize]);
            red[x] = static_cast<std::uint8_t>(
                128 + wave_[(y * step + x * step / 2 + 300 + n * 4) % kWaveSize]);
        }
    }
}

void FilmPictures::draw_discs(std::int64_t frame, Picture& picture) const {
    constexpr std::array<Colour, 6> kColours{{{81, 90, 240},
                                              {145, 54, 34},
                                              {60, 220, 110},
                                              {200, 30, 150},
                                              {170, 166, 16},
                                              {106, 202, 222}}};
    for (std::size_t i = 0; i < 2 * kColours.size(); ++i) {
        const auto seed = static_cast<std::int64_t>(i);
        const int radius = picture.height / (10 + static_cast<int>(i % 5) * 4);
        const auto speed = std::max<std::int64_t>(1, picture.height * (3 + seed % 4) / 1080);
        const int x = radius + bounce(seed * 197 + frame * speed * 2, picture.width - 2 * radius);
        const int y = radius + bounce(seed * 131 + frame * speed, picture.height - 2 * radius);
        fill_disc(picture, x, y, radius, kColours[i % kColours.size()]);
        fill_disc(picture, x - radius / 3, y - radius / 3, radius / 5, kWhite);
    }
}

void FilmPictures::draw_panel(std::int64_t frame, Picture& picture) const {
    const auto number = fmt::format("{:06}", frame);
    const auto clock = film_clock(format_, frame);
    const int dot = std::max(2, picture.height / 135 & ~1);
    const int width = (text_dots(clock) + 4) * dot;
    const int x = (picture.width - width) / 2 & ~1;
    const int y = (picture.height - 22 * dot) & ~1;
    fill_box(picture, x, y, width, 20 * dot, kBlack);
    draw_text(picture, x + 2 * dot, y + 2 * dot, dot, clock, kWhite);
    draw_text(picture, x + 2 * dot, y + 11 * dot, dot, number, Colour{170, 60, 150});
}

StereoSample film_sound(std::int64_t sample) {
    constexpr std::int64_t kBeepSamples = kSampleRate / 20;
    const double t = static_cast<double>(sample) / kSampleRate;
    const double swell = 0.5 + 0.5 * std::sin(kTurn * t / 7);
    const double low = 0.004 * std::sin(kTurn * 220 * t);
    StereoSample out{static_cast<float>(low + 0.003 * swell * std::sin(kTurn * 277.18 * t)),
                     static_cast<float>(low + 0.003 * (1 - swell) * std::sin(kTurn * 329.63 * t))};
    const auto in_second = sample % kSampleRate;
    if (in_second < kBeepSamples) {
        const auto beep = static_cast<float>(
            0.5 * std::sin(kTurn * 1000 * static_cast<double>(in_second) / kSampleRate));
        out.left += beep;
        out.right += beep;
    }
    return out;
}

std::string film_clock(const FilmFormat& format, std::int64_t frame) {
    const auto ms = frame * 1000 * format.rate_den / format.rate_num;
    return fmt::format(
        "{:02}:{:02}:{:02}.{:03}", ms / 3'600'000, ms / 60'000 % 60, ms / 1000 % 60, ms % 1000);
}

}  // namespace sg::samples
