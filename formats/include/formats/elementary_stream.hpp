#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include <base/result.hpp>
#include <formats/audio_facts.hpp>
#include <formats/nal.hpp>

// Samples of MP4 as the elementary streams that transport streams carry.

namespace sg::formats {

/// Appends a length-prefixed H.264 or HEVC sample with start codes (Annex B), an access unit
/// delimiter in front. Where `parameter_sets` is not empty and the sample has none of its own, they
/// follow the delimiter. kBadData when a length runs past the sample.
[[nodiscard]] Status append_annex_b(NalCodec codec,
                                    std::span<const std::byte> sample,
                                    unsigned length_size,
                                    std::span<const std::vector<std::byte>> parameter_sets,
                                    std::vector<std::byte>& out);

inline constexpr std::size_t kAdtsHeaderBytes = 7;

/// ADTS headers for the raw frames of one AAC configuration, ISO/IEC 14496-3 Annex 1.A.3. HE-AAC is
/// signalled implicitly, by its core, as ADTS has no other way.
class AdtsFramer {
  public:
    /// kUnsupported when ADTS has no code for the object type, the sampling rate or the channels.
    [[nodiscard]] static Result<AdtsFramer> create(const AudioFacts& facts);

    /// Appends header and frame; kUnsupported above the 8184 bytes that its length field can say.
    [[nodiscard]] Status append(std::span<const std::byte> frame,
                                std::vector<std::byte>& out) const;

  private:
    AdtsFramer() = default;

    std::array<std::byte, kAdtsHeaderBytes> header_{};
};

}  // namespace sg::formats
