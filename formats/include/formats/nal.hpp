#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <base/result.hpp>

namespace sg::formats {

/// Walks NAL units between start codes (ITU-T H.264 Annex B, H.265 Annex B) without copying.
class AnnexBNals {
  public:
    explicit AnnexBNals(std::span<const std::byte> bytes);

    /// The next NAL unit without its start code and trailing zeros; false at the end. Empty units
    /// are skipped.
    bool next(std::span<const std::byte>& nal);

  private:
    [[nodiscard]] std::size_t find_start(std::size_t from) const;

    std::span<const std::byte> bytes_;
    std::size_t at_;  ///< first byte after a start code, or the size at the end
};

/// Walks NAL units behind big-endian lengths (ISO/IEC 14496-15 section 4.3) without copying.
class LengthPrefixedNals {
  public:
    /// `length_size` is 1, 2 or 4.
    LengthPrefixedNals(std::span<const std::byte> bytes, unsigned length_size)
        : bytes_(bytes), length_size_(length_size) {}

    /// False at the end and when a length runs past it; the latter also makes damaged() true.
    bool next(std::span<const std::byte>& nal);
    [[nodiscard]] bool damaged() const { return damaged_; }

  private:
    std::span<const std::byte> bytes_;
    std::size_t at_ = 0;
    unsigned length_size_;
    bool damaged_ = false;
};

/// The payload of a NAL unit without its emulation prevention bytes.
[[nodiscard]] std::vector<std::byte> unescape_nal(std::span<const std::byte> nal);

/// Appends one NAL unit with a four-byte length; false when it is too long for one.
bool append_length_prefixed(std::span<const std::byte> nal, std::vector<std::byte>& out);

/// True for 00 00 01 or 00 00 00 01 at the front. A length-prefixed unit can look alike only if it
/// is 1 byte or empty.
[[nodiscard]] bool starts_with_start_code(std::span<const std::byte> bytes);

[[nodiscard]] inline unsigned h264_nal_type(std::span<const std::byte> nal) {
    return nal.empty() ? 0 : std::to_integer<unsigned>(nal[0]) & 31U;
}
[[nodiscard]] inline unsigned hevc_nal_type(std::span<const std::byte> nal) {
    return nal.empty() ? 63 : std::to_integer<unsigned>(nal[0]) >> 1U & 63U;
}

/// What a decoder can do at an access unit.
enum class RandomAccess {
    kNone,
    kOpen,    ///< can start here, but pictures shown before it may be lost (H.264 recovery point,
              ///< HEVC CRA and BLA with leading pictures)
    kClosed,  ///< nothing after it needs anything before it (IDR, AV1 shown key frame)
};

[[nodiscard]] RandomAccess h264_random_access(std::span<const std::byte> nal);
[[nodiscard]] RandomAccess hevc_random_access(std::span<const std::byte> nal);

enum class NalCodec { kH264, kHevc };

/// Of a whole access unit; `length_size` 0 means Annex B.
[[nodiscard]] RandomAccess access_unit_random_access(NalCodec codec,
                                                     std::span<const std::byte> unit,
                                                     unsigned length_size);

}  // namespace sg::formats
