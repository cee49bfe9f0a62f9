#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace sg::formats {

/// Big-endian reader over borrowed bytes. Reading past the end yields zeros and makes ok() false
/// for good, so a parser may read a whole structure and check once; it must check before it uses a
/// value as a count or a length.
class ByteReader {
  public:
    explicit ByteReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

    [[nodiscard]] bool ok() const { return ok_; }
    [[nodiscard]] std::size_t position() const { return at_; }
    [[nodiscard]] std::size_t left() const { return bytes_.size() - at_; }
    [[nodiscard]] std::span<const std::byte> rest() const { return bytes_.subspan(at_); }

    std::uint8_t u8() { return static_cast<std::uint8_t>(number(1)); }
    std::uint16_t u16() { return static_cast<std::uint16_t>(number(2)); }
    std::uint32_t u24() { return static_cast<std::uint32_t>(number(3)); }
    std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }
    std::uint64_t u64() { return number(8); }
    std::int32_t i32() { return static_cast<std::int32_t>(u32()); }
    std::int64_t i64() { return static_cast<std::int64_t>(u64()); }

    /// Empty when fewer than `count` bytes are left.
    std::span<const std::byte> bytes(std::size_t count) {
        if (!take(count)) return {};
        return bytes_.subspan(at_ - count, count);
    }
    void skip(std::size_t count) { take(count); }

  private:
    bool take(std::size_t count) {
        if (count > left()) {
            ok_ = false;
            at_ = bytes_.size();
            return false;
        }
        at_ += count;
        return true;
    }
    std::uint64_t number(std::size_t count) {
        if (!take(count)) return 0;
        std::uint64_t value = 0;
        for (std::size_t i = at_ - count; i < at_; ++i) {
            value = value << 8 | std::to_integer<std::uint64_t>(bytes_[i]);
        }
        return value;
    }

    std::span<const std::byte> bytes_;
    std::size_t at_ = 0;
    bool ok_ = true;
};

}  // namespace sg::formats
