#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace sg::formats {

/// ADTS frame header, ISO/IEC 14496-3 Annex 1.A.3.
struct AdtsHeader {
    std::uint8_t object_type = 0;  ///< MPEG-4 audio object type of the core
    std::uint8_t rate_index = 0;
    std::uint8_t channel_configuration = 0;  ///< 0: told in the frame itself
    std::uint32_t sample_rate = 0;           ///< of the core
    std::size_t header_bytes = 0;            ///< 7, or 9 with CRC
    std::size_t frame_bytes = 0;             ///< header included
    unsigned blocks = 1;                     ///< raw data blocks of 1024 samples

    /// AudioSpecificConfig of the frames.
    [[nodiscard]] std::array<std::byte, 2> audio_specific_config() const;
};

/// Nothing when the bytes do not start with a valid header. Needs 7 bytes.
[[nodiscard]] std::optional<AdtsHeader> parse_adts_header(std::span<const std::byte> bytes);

}  // namespace sg::formats
