#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <media/stream_info.hpp>
#include <pipeline/plan.hpp>

namespace sg::transcoders {

// Builders of plan filters. Every step is complete: nothing is left to a library's defaults.

/// HDR (PQ or HLG) to BT.709 SDR, limited range, yuv420p. `content_light` or the mastering peak set
/// the top of the curve.
[[nodiscard]] std::vector<pipeline::FilterStep> tonemap_filters(
    const media::Colour& colour,
    const std::optional<media::MasteringDisplay>& mastering,
    const std::optional<media::ContentLight>& light);

enum class FieldOrder { kAuto, kTopFirst, kBottomFirst };
enum class DeinterlaceOutput {
    kFrame,  ///< one picture per frame
    kField,  ///< one per field: twice the rate
};
enum class DeinterlaceWhich {
    kFlagged,  ///< only frames that say they are interlaced
    kAll,
};
/// bwdif: one frame of context on both sides. Runs before the grid.
[[nodiscard]] std::vector<pipeline::FilterStep> deinterlace_filters(DeinterlaceOutput output,
                                                                    DeinterlaceWhich which,
                                                                    FieldOrder order);

/// Turns by 0, 90, 180 or 270 degrees clockwise, after mirroring (as a display matrix says).
[[nodiscard]] std::vector<pipeline::FilterStep> rotation_filters(std::int64_t degrees_clockwise,
                                                                 bool flip_horizontally,
                                                                 bool flip_vertically);

[[nodiscard]] std::vector<pipeline::FilterStep> crop_filters(std::int64_t width,
                                                             std::int64_t height,
                                                             std::int64_t x,
                                                             std::int64_t y);

/// The planar YUV format that pictures of any source format are worked on in
/// (VideoPlan.source_pixel_format): the same one where scaling knows it, else the nearest without
/// loss of depth or chroma. Empty for a name libav does not have.
[[nodiscard]] std::string working_pixel_format(const std::string& source_format);

}  // namespace sg::transcoders
