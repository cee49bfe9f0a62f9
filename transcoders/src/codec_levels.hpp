#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <media/rational.hpp>

namespace sg::transcoders {

/// What a level must hold. Rates are bits per second; 0: not limited.
struct LevelDemand {
    std::int64_t width = 0;
    std::int64_t height = 0;
    media::Rational frame_rate{25, 1};
    std::int64_t max_bitrate = 0;
    std::int64_t buffer_bits = 0;
    bool high_profile = true;  ///< H.264: high profile carries 1.25 times the rate
    std::int64_t least_frames =
        1;  ///< H.264: decoded pictures kept at least (references and reordering)
};

/// The lowest level that holds the demand, "4.1". ITU-T H.264 Table A-1. None when even 6.2 does
/// not.
[[nodiscard]] std::optional<std::string> h264_level(const LevelDemand& demand);
/// Decoded pictures that a level's buffer holds at this size, at most 16; none for a level that
/// does not exist.
[[nodiscard]] std::optional<std::int64_t> h264_dpb_frames(const std::string& level,
                                                          std::int64_t width,
                                                          std::int64_t height);
/// ITU-T H.265 Tables A.8 and A.9, main tier.
[[nodiscard]] std::optional<std::string> hevc_level(const LevelDemand& demand);
[[nodiscard]] bool hevc_level_exists(const std::string& level);

}  // namespace sg::transcoders
