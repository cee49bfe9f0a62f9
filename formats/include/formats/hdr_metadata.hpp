#pragma once

#include <cstddef>
#include <span>

#include <formats/codec_config.hpp>
#include <formats/nal.hpp>
#include <formats/video_facts.hpp>

// Mastering display and content light level as the bitstream tells them beside its pictures. What
// is not told leaves the facts as they are.

namespace sg::formats {

/// Of one SEI NAL unit with its header: messages 137 and 144, ITU-T H.264 D.1 and H.265 D.2.
void read_hdr_sei(NalCodec codec, std::span<const std::byte> nal, VideoFacts& facts);

/// Of a whole access unit, up to its first slice: SEI of H.264 and HEVC, metadata OBUs of AV1 (AV1
/// specification section 5.8). `length_size` 0 means Annex B.
void read_hdr_metadata(Codec codec,
                       std::span<const std::byte> unit,
                       unsigned length_size,
                       VideoFacts& facts);

}  // namespace sg::formats
