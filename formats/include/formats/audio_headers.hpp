#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <base/result.hpp>
#include <formats/audio_facts.hpp>

namespace sg::formats {

/// AudioSpecificConfig, ISO/IEC 14496-3 section 1.6.2.1, with explicit SBR and PS in either way of
/// signalling.
[[nodiscard]] Result<AudioFacts> parse_audio_specific_config(std::span<const std::byte> config);

/// First frame (sync word first) of AC-3 -> the dac3 payload, ETSI TS 102 366 Annex F.4.
[[nodiscard]] Result<AudioFacts> parse_ac3_frame(std::span<const std::byte> frame,
                                                 std::vector<std::byte>& dac3);

/// First access unit of E-AC-3, dependent substreams included -> the dec3 payload, ETSI TS 102 366
/// Annex F.6.
[[nodiscard]] Result<AudioFacts> parse_eac3_frame(std::span<const std::byte> frame,
                                                  std::vector<std::byte>& dec3);

/// Header of an MPEG-1/2 layer III frame, ISO/IEC 11172-3 section 2.4.1.3 and 13818-3.
[[nodiscard]] Result<AudioFacts> parse_mp3_frame(std::span<const std::byte> frame);

}  // namespace sg::formats
