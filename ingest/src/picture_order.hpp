#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <ingest/live_unit.hpp>

namespace sg::ingest::repair {

/// Reads where H.264 and HEVC pictures stand in display order: the low bits of their picture order
/// counts, from the first slice (ITU-T H.264 section 7.3.3, type 0 only, and H.265 section
/// 7.3.6.1). Units are length-prefixed.
class PictureOrderReader {
  public:
    struct Count {
        std::uint32_t low = 0;
        bool restarts = false;   ///< counting starts anew: an IDR picture
        bool refreshes = false;  ///< decoding can start here
    };

    void configure(const LiveTrack& track);
    /// Of Count::low; 0: counts cannot be read.
    [[nodiscard]] unsigned bits() const { return bits_; }
    [[nodiscard]] std::optional<Count> read(std::span<const std::byte> unit) const;

  private:
    void configure_h264(std::span<const std::vector<std::byte>> sets);
    void configure_hevc(std::span<const std::vector<std::byte>> sets);
    [[nodiscard]] std::optional<Count> read_h264(std::span<const std::byte> slice) const;
    [[nodiscard]] std::optional<Count> read_hevc(std::span<const std::byte> slice) const;

    bool hevc_ = false;
    unsigned length_size_ = 0;
    unsigned bits_ = 0;
    bool separate_planes_ = false;
    unsigned frame_num_bits_ = 0;  ///< H.264
    bool frames_only_ = true;
    unsigned extra_bits_ = 0;  ///< HEVC: in front of the slice type
    bool output_flag_ = false;
};

}  // namespace sg::ingest::repair
