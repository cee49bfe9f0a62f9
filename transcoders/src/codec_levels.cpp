#include "codec_levels.hpp"

#include <algorithm>
#include <array>
#include <iterator>

namespace sg::transcoders {
namespace {

struct H264Level {
    const char* name;
    std::int64_t blocks_per_second;
    std::int64_t blocks;
    std::int64_t buffer_blocks;
    std::int64_t kbits;
    std::int64_t buffer_kbits;
};
constexpr std::array<H264Level, 19> kH264Levels{{
    {"1", 1485, 99, 396, 64, 175},
    {"1.1", 3000, 396, 900, 192, 500},
    {"1.2", 6000, 396, 2376, 384, 1000},
    {"1.3", 11880, 396, 2376, 768, 2000},
    {"2", 11880, 396, 2376, 2000, 2000},
    {"2.1", 19800, 792, 4752, 4000, 4000},
    {"2.2", 20250, 1620, 8100, 4000, 4000},
    {"3", 40500, 1620, 8100, 10000, 10000},
    {"3.1", 108000, 3600, 18000, 14000, 14000},
    {"3.2", 216000, 5120, 20480, 20000, 20000},
    {"4", 245760, 8192, 32768, 20000, 25000},
    {"4.1", 245760, 8192, 32768, 50000, 62500},
    {"4.2", 522240, 8704, 34816, 50000, 62500},
    {"5", 589824, 22080, 110400, 135000, 135000},
    {"5.1", 983040, 36864, 184320, 240000, 240000},
    {"5.2", 2073600, 36864, 184320, 240000, 240000},
    {"6", 4177920, 139264, 696320, 240000, 240000},
    {"6.1", 8355840, 139264, 696320, 480000, 480000},
    {"6.2", 16711680, 139264, 696320, 800000, 800000},
}};

struct HevcLevel {
    const char* name;
    std::int64_t samples;
    std::int64_t buffer_kbits;
    std::int64_t samples_per_second;
    std::int64_t kbits;
};
constexpr std::array<HevcLevel, 13> kHevcLevels{{
    {"1", 36864, 350, 552960, 128},
    {"2", 122880, 1500, 3686400, 1500},
    {"2.1", 245760, 3000, 7372800, 3000},
    {"3", 552960, 6000, 16588800, 6000},
    {"3.1", 983040, 10000, 33177600, 10000},
    {"4", 2228224, 12000, 66846720, 12000},
    {"4.1", 2228224, 20000, 133693440, 20000},
    {"5", 8912896, 25000, 267386880, 25000},
    {"5.1", 8912896, 40000, 534773760, 40000},
    {"5.2", 8912896, 60000, 1069547520, 60000},
    {"6", 35651584, 60000, 1069547520, 60000},
    {"6.1", 35651584, 120000, 2139095040, 120000},
    {"6.2", 35651584, 240000, 4278190080, 240000},
}};

std::int64_t blocks_across(std::int64_t samples) {
    return (samples + 15) / 16;
}

}  // namespace

std::optional<std::string> h264_level(const LevelDemand& demand) {
    const auto across = blocks_across(demand.width);
    const auto down = blocks_across(demand.height);
    const auto blocks = across * down;
    const std::int64_t factor = demand.high_profile ? 1250 : 1000;
    for (const auto& level : kH264Levels) {
        const bool fits =
            blocks <= level.blocks && across * across <= 8 * level.blocks &&
            down * down <= 8 * level.blocks &&
            blocks * demand.frame_rate.num <= level.blocks_per_second * demand.frame_rate.den &&
            demand.max_bitrate <= level.kbits * factor &&
            demand.buffer_bits <= level.buffer_kbits * factor &&
            demand.least_frames * blocks <= level.buffer_blocks;
        if (fits) return level.name;
    }
    return std::nullopt;
}

std::optional<std::int64_t> h264_dpb_frames(const std::string& level,
                                            std::int64_t width,
                                            std::int64_t height) {
    const auto found = std::find_if(
        kH264Levels.begin(), kH264Levels.end(), [&](const auto& l) { return level == l.name; });
    if (found == kH264Levels.end()) return std::nullopt;
    const auto blocks = blocks_across(width) * blocks_across(height);
    return std::clamp<std::int64_t>(
        found->buffer_blocks / std::max<std::int64_t>(blocks, 1), 1, 16);
}

std::optional<std::string> hevc_level(const LevelDemand& demand) {
    const auto samples = demand.width * demand.height;
    for (const auto& level : kHevcLevels) {
        const bool fits =
            samples <= level.samples && demand.width * demand.width <= 8 * level.samples &&
            demand.height * demand.height <= 8 * level.samples &&
            samples * demand.frame_rate.num <= level.samples_per_second * demand.frame_rate.den &&
            demand.max_bitrate <= level.kbits * 1000 &&
            demand.buffer_bits <= level.buffer_kbits * 1000;
        if (fits) return level.name;
    }
    return std::nullopt;
}

bool hevc_level_exists(const std::string& level) {
    return std::any_of(
        kHevcLevels.begin(), kHevcLevels.end(), [&](const auto& l) { return level == l.name; });
}

}  // namespace sg::transcoders
