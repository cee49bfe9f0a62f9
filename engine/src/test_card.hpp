#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <vector>

#include <base/result.hpp>
#include <ingest/pulled_media.hpp>

namespace sg::engine {

/// 1280x720 at 25 frames a second with AAC of 48 kHz, stereo: 64 pictures last as long as 120 audio
/// frames, so a loop of that length has no seam.
inline constexpr int kCardWidth = 1280;
inline constexpr int kCardHeight = 720;
inline constexpr int kCardRate = 25;
inline constexpr int kCardLoopFrames = 64;

/// Planar 4:2:0, 8 bits, BT.709, limited range.
struct CardPicture {
    CardPicture();
    std::vector<std::uint8_t> y;
    std::vector<std::uint8_t> u;
    std::vector<std::uint8_t> v;
};

/// Colour bars.
[[nodiscard]] CardPicture draw_bars();
/// Hours, minutes, seconds and frames since midnight UTC, into the lower third.
void draw_clock(CardPicture& picture, std::int64_t ms_of_day, int frame);
/// As large as fits, black around it. kBadData, kNotFound.
[[nodiscard]] Result<CardPicture> load_picture(const std::filesystem::path& path,
                                               std::stop_token stop);

/// Bars with a running clock and a tone, in real time until stopped (kCancelled).
[[nodiscard]] Status make_test_card(ingest::PulledMedia& media, std::stop_token stop);
/// One loop of the picture, the bars when `image` is empty, with silence. As fast as it goes.
[[nodiscard]] Status make_slate(const std::filesystem::path& image,
                                ingest::PulledMedia& media,
                                std::stop_token stop);

}  // namespace sg::engine
