#pragma once

#include <optional>

#include <formats/byte_reader.hpp>
#include <formats/video_facts.hpp>

// The mdcv and clli boxes (ISO/IEC 14496-12 section 12.1.7) and SEI messages 137 and 144 hold the
// same bytes.

namespace sg::formats {

inline std::optional<MasteringDisplay> read_mastering(ByteReader reader) {
    MasteringDisplay display;
    for (MasteringDisplay::Point& point : display.primaries) point = {reader.u16(), reader.u16()};
    display.white = {reader.u16(), reader.u16()};
    display.max_luminance = reader.u32();
    display.min_luminance = reader.u32();
    if (!reader.ok()) return std::nullopt;
    return display;
}

inline std::optional<ContentLight> read_content_light(ByteReader reader) {
    const ContentLight light{reader.u16(), reader.u16()};
    if (!reader.ok()) return std::nullopt;
    return light;
}

}  // namespace sg::formats
