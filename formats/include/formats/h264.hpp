#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <base/result.hpp>
#include <formats/video_facts.hpp>

namespace sg::formats {

struct H264Sps {
    std::uint32_t id = 0;
    std::uint8_t profile_idc = 0;
    std::uint8_t constraint_flags = 0;  ///< the byte between profile_idc and level_idc
    std::uint8_t level_idc = 0;
    std::uint32_t bit_depth_chroma = 8;
    bool separate_planes = false;
    std::uint32_t frame_num_bits = 4;
    VideoFacts facts;
};

/// Sequence parameter set with its NAL header, ITU-T H.264 section 7.3.2.1 and Annex E.
[[nodiscard]] Result<H264Sps> parse_h264_sps(std::span<const std::byte> nal);

/// True when seq_parameter_set_data carries chroma format and bit depths.
[[nodiscard]] bool h264_is_high_profile(std::uint8_t profile_idc);

/// Sample aspect ratio of aspect_ratio_idc 1..16 (ISO/IEC 23091-2 section 8.6), shared with HEVC;
/// false for others.
bool sample_aspect_ratio(std::uint32_t idc, std::uint32_t& num, std::uint32_t& den);

}  // namespace sg::formats
