#pragma once

#include <base/result.hpp>
#include <formats/audio_facts.hpp>
#include <formats/bit_reader.hpp>

namespace sg::formats {

/// AudioSpecificConfig at the reader's position, which must be aligned to its beginning. With
/// `extension` the bits behind it are its own and may tell of SBR.
[[nodiscard]] Result<AudioFacts> read_audio_specific_config(BitReader& bits, bool extension);

}  // namespace sg::formats
