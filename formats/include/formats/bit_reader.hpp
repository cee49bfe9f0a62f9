#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace sg::formats {

/// Most significant bit first, over borrowed bytes. Past the end it yields zeros and ok() turns
/// false for good.
class BitReader {
  public:
    explicit BitReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

    [[nodiscard]] bool ok() const { return ok_; }
    [[nodiscard]] std::size_t bits_left() const { return bytes_.size() * 8 - at_; }
    [[nodiscard]] std::size_t position() const { return at_; }

    /// `count` at most 32.
    std::uint32_t u(unsigned count);
    bool flag() { return u(1) != 0; }
    void skip(std::size_t count);
    void align() { skip((8 - at_ % 8) % 8); }

    /// Exp-Golomb codes, ITU-T H.264 section 9.1.
    std::uint32_t ue();
    std::int32_t se();

  private:
    std::span<const std::byte> bytes_;
    std::size_t at_ = 0;
    bool ok_ = true;
};

}  // namespace sg::formats
