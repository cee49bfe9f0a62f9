#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include <base/result.hpp>
#include <formats/video_facts.hpp>

namespace sg::formats {

/// general_* fields of profile_tier_level(), ITU-T H.265 section 7.3.3.
struct HevcProfile {
    std::uint8_t space = 0;
    bool high_tier = false;
    std::uint8_t profile_idc = 0;
    std::uint32_t compatibility = 0;
    std::array<std::uint8_t, 6> constraints{};
    std::uint8_t level_idc = 0;
};

struct HevcSps {
    std::uint32_t id = 0;
    HevcProfile profile;
    std::uint32_t sub_layers = 1;
    bool temporal_id_nesting = false;
    std::uint32_t bit_depth_chroma = 8;
    bool separate_planes = false;
    std::uint32_t order_count_bits = 4;  ///< of slice_pic_order_cnt_lsb
    VideoFacts facts;
};

/// Sequence parameter set with its NAL header, ITU-T H.265 section 7.3.2.2 and Annex E.
[[nodiscard]] Result<HevcSps> parse_hevc_sps(std::span<const std::byte> nal);

}  // namespace sg::formats
