#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <base/result.hpp>
#include <formats/nal.hpp>
#include <formats/video_facts.hpp>

namespace sg::formats {

inline constexpr unsigned kObuSequenceHeader = 1;
inline constexpr unsigned kObuTemporalDelimiter = 2;
inline constexpr unsigned kObuFrameHeader = 3;
inline constexpr unsigned kObuMetadata = 5;
inline constexpr unsigned kObuFrame = 6;
inline constexpr unsigned kObuPadding = 15;

struct Obu {
    unsigned type = 0;
    std::span<const std::byte> whole;  ///< with header and size field
    std::span<const std::byte> payload;
};

/// Walks OBUs of the low-overhead format (AV1 specification section 5.2) without copying. The last
/// may lack a size.
class Obus {
  public:
    explicit Obus(std::span<const std::byte> bytes) : bytes_(bytes) {}

    bool next(Obu& obu);
    [[nodiscard]] bool damaged() const { return damaged_; }

  private:
    std::span<const std::byte> bytes_;
    bool damaged_ = false;
};

struct Av1Sequence {
    std::uint8_t profile = 0;
    std::uint8_t level_idx = 0;
    bool high_tier = false;
    bool high_bitdepth = false;
    bool twelve_bit = false;
    bool monochrome = false;
    bool subsampling_x = true;
    bool subsampling_y = true;
    std::uint8_t chroma_sample_position = 0;
    bool reduced_still_picture = false;
    VideoFacts facts;
};

/// Payload of a sequence header OBU, AV1 specification section 5.5.
[[nodiscard]] Result<Av1Sequence> parse_av1_sequence(std::span<const std::byte> payload);

/// kClosed when the temporal unit's first frame is a shown key frame.
[[nodiscard]] RandomAccess av1_random_access(std::span<const std::byte> temporal_unit);

}  // namespace sg::formats
