#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <base/result.hpp>
#include <formats/video_facts.hpp>

namespace sg::formats {

/// Facts of a VP9 key frame's uncompressed header (VP9 bitstream specification section 6.2).
/// `level` stays 0: a VP9 stream does not carry it; kAgain when the frame is not a key frame.
[[nodiscard]] Result<VideoFacts> parse_vp9_key_frame(std::span<const std::byte> frame);

/// The lowest level (10 * major + minor) whose picture size and sample rate hold this video; 62
/// when none does. A frame rate of 0 counts as 30.
[[nodiscard]] std::uint32_t vp9_level(std::uint32_t width,
                                      std::uint32_t height,
                                      std::uint32_t frame_rate_num,
                                      std::uint32_t frame_rate_den);

}  // namespace sg::formats
