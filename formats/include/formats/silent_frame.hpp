#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <formats/codec_config.hpp>

namespace sg::formats {

/// A frame of silence, as it stands in MP4: without ADTS or TOC of its own.
struct SilentFrame {
    std::vector<std::byte> bytes;
    std::uint32_t samples = 0;  ///< at AudioFacts::sample_rate
};

/// A raw_data_block of AAC-LC in which no spectral line is coded (ISO/IEC 14496-3 section 4.4.2.1),
/// for 1, 2, 3, 4, 5, 6 or 8 channels; empty for others.
[[nodiscard]] std::vector<std::byte> silent_aac_lc(std::uint32_t channels);

/// What can be written without an encoder: AAC-LC, and Opus of one or two channels (RFC 6716
/// section 3). Nothing for other sound.
[[nodiscard]] std::optional<SilentFrame> silent_frame(const CodecConfig& config);

}  // namespace sg::formats
