#include <algorithm>
#include <array>

#include <formats/bit_reader.hpp>
#include <formats/vp9.hpp>

namespace sg::formats {

namespace {

constexpr std::uint32_t kSyncCode = 0x498342;
constexpr std::uint32_t kColourRgb = 7;

struct Level {
    std::uint32_t level;
    std::uint64_t samples_per_second;
    std::uint32_t picture_samples;
    std::uint32_t dimension;
};

/// VP9 levels as published by the WebM project: luma sample rate, luma picture size, longest side.
constexpr std::array<Level, 14> kLevels{{{10, 829440, 36864, 512},
                                         {11, 2764800, 73728, 768},
                                         {20, 4608000, 122880, 960},
                                         {21, 9216000, 245760, 1344},
                                         {30, 20736000, 552960, 2048},
                                         {31, 36864000, 983040, 2752},
                                         {40, 83558400, 2228224, 4160},
                                         {41, 160432128, 2228224, 4160},
                                         {50, 311951360, 8912896, 8384},
                                         {51, 588251136, 8912896, 8384},
                                         {52, 1176502272, 8912896, 8384},
                                         {60, 1176502272, 35651584, 16832},
                                         {61, 2353004544, 35651584, 16832},
                                         {62, 4706009088, 35651584, 16832}}};

void set_colour(std::uint32_t colour_space, VideoFacts& facts) {
    // color_space -> primaries, transfer, matrix.
    static constexpr std::array<std::array<std::uint8_t, 3>, 8> kColours{
        {{2, 2, 2}, {6, 6, 6}, {1, 1, 1}, {6, 6, 6}, {7, 7, 7}, {9, 14, 9}, {2, 2, 2}, {1, 13, 0}}};
    facts.colour_primaries = kColours[colour_space][0];
    facts.transfer = kColours[colour_space][1];
    facts.matrix = kColours[colour_space][2];
}

}  // namespace

Result<VideoFacts> parse_vp9_key_frame(std::span<const std::byte> frame) {
    const auto bad = [](const char* why) {
        return Error{Errc::kBadData, std::string("read VP9 frame header: ") + why};
    };
    BitReader bits(frame);
    VideoFacts facts;
    if (bits.u(2) != 2) return bad("no frame marker");
    const std::uint32_t low = bits.u(1);
    facts.profile = bits.u(1) << 1 | low;
    if (facts.profile == 3) bits.skip(1);
    const bool show_existing = bits.flag();
    const bool inter = bits.flag();
    if (show_existing || inter) {
        return Error{Errc::kAgain, "read VP9 frame header: not a key frame; give a later frame"};
    }
    bits.skip(2);
    if (bits.u(24) != kSyncCode) return bad("wrong sync code");
    if (facts.profile >= 2) facts.bit_depth = bits.flag() ? 12 : 10;
    const std::uint32_t colour_space = bits.u(3);
    set_colour(colour_space, facts);
    const bool odd_profile = facts.profile == 1 || facts.profile == 3;
    if (colour_space == kColourRgb) {
        facts.full_range = true;
        facts.chroma_format = 3;
        if (odd_profile) bits.skip(1);
    } else {
        facts.full_range = bits.flag();
        if (odd_profile) {
            const bool x = bits.flag();
            const bool y = bits.flag();
            bits.skip(1);
            facts.chroma_format = x && y ? 1 : x ? 2 : 3;
        }
    }
    facts.width = bits.u(16) + 1;
    facts.height = bits.u(16) + 1;
    if (!bits.ok()) return bad("it is cut short");
    return facts;
}

std::uint32_t vp9_level(std::uint32_t width,
                        std::uint32_t height,
                        std::uint32_t frame_rate_num,
                        std::uint32_t frame_rate_den) {
    const std::uint64_t picture = std::uint64_t{width} * height;
    const double rate = frame_rate_num == 0 || frame_rate_den == 0
                            ? 30.0
                            : static_cast<double>(frame_rate_num) / frame_rate_den;
    const double samples = static_cast<double>(picture) * rate;
    for (const Level& level : kLevels) {
        if (picture <= level.picture_samples && std::max(width, height) <= level.dimension &&
            samples <= static_cast<double>(level.samples_per_second)) {
            return level.level;
        }
    }
    return kLevels.back().level;
}

}  // namespace sg::formats
