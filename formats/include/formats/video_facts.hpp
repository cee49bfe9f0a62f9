#pragma once

#include <cstdint>

namespace sg::formats {

/// What a video bitstream says of itself. Colour values are ISO/IEC 23091-2 code points, 2 =
/// unspecified.
struct VideoFacts {
    std::uint32_t width = 0;  ///< after cropping
    std::uint32_t height = 0;
    std::uint32_t sar_num = 0;  ///< 0 when not said
    std::uint32_t sar_den = 1;
    std::uint32_t frame_rate_num = 0;  ///< 0 when not said
    std::uint32_t frame_rate_den = 1;
    std::uint32_t bit_depth = 8;
    std::uint32_t chroma_format = 1;  ///< 0 = 4:0:0, 1 = 4:2:0, 2 = 4:2:2, 3 = 4:4:4
    std::uint32_t colour_primaries = 2;
    std::uint32_t transfer = 2;
    std::uint32_t matrix = 2;
    bool full_range = false;
    bool range_known = false;   ///< H.264: full_range was said
    std::uint32_t profile = 0;  ///< the codec's own numbers
    std::uint32_t level = 0;
    bool interlaced = false;  ///< may hold fields
    std::int32_t reorder_depth =
        -1;  ///< pictures that may be decoded before one shown earlier; -1 when not said
};

}  // namespace sg::formats
