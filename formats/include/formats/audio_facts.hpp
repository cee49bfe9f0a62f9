#pragma once

#include <cstdint>

namespace sg::formats {

/// What an audio configuration says of the sound after decoding.
struct AudioFacts {
    std::uint32_t sample_rate = 0;
    std::uint32_t channels = 0;
    std::uint32_t samples_per_frame = 0;  ///< at sample_rate; 0 when it varies
    std::uint32_t priming =
        0;  ///< samples to drop at the start that the configuration itself declares (Opus pre-skip)
    std::uint32_t object_type = 0;       ///< MPEG-4 audio object type as a decoder meets it first
                                         ///< (ISO/IEC 14496-3 Table 1.17); AAC only
    std::uint32_t core_sample_rate = 0;  ///< of the core coder; differs with SBR
    std::uint32_t bits_per_sample = 0;   ///< FLAC only
};

}  // namespace sg::formats
