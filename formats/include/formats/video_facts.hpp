#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace sg::formats {

/// Mastering display colour volume, SMPTE ST 2086, in the units of ITU-T H.265 D.3.28 and of the
/// mdcv box: chromaticities in 0.00002, luminances in 0.0001 cd/m2.
struct MasteringDisplay {
    struct Point {
        std::uint16_t x = 0;
        std::uint16_t y = 0;
        bool operator==(const Point&) const = default;
    };
    std::array<Point, 3> primaries{};  ///< green, blue, red
    Point white;
    std::uint32_t max_luminance = 0;
    std::uint32_t min_luminance = 0;
    bool operator==(const MasteringDisplay&) const = default;
};

/// Content light level, CTA-861.3: cd/m2.
struct ContentLight {
    std::uint16_t max_content = 0;
    std::uint16_t max_frame_average = 0;
    bool operator==(const ContentLight&) const = default;
};

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
    std::optional<MasteringDisplay> mastering;
    std::optional<ContentLight> content_light;

    bool operator==(const VideoFacts&) const = default;
};

}  // namespace sg::formats
