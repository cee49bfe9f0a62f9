#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <formats/fourcc.hpp>

namespace sg::formats {

/// Appends big-endian numbers and ISO-BMFF boxes to a buffer that the caller owns and may reuse.
class ByteWriter {
  public:
    explicit ByteWriter(std::vector<std::byte>& out) : out_(out) {}

    [[nodiscard]] std::size_t size() const { return out_.size(); }

    void u8(std::uint32_t value) { out_.push_back(static_cast<std::byte>(value)); }
    void u16(std::uint32_t value) { number(value, 2); }
    void u24(std::uint32_t value) { number(value, 3); }
    void u32(std::uint32_t value) { number(value, 4); }
    void u64(std::uint64_t value) { number(value, 8); }
    void i32(std::int32_t value) { u32(static_cast<std::uint32_t>(value)); }
    void zeros(std::size_t count) { out_.insert(out_.end(), count, std::byte{0}); }
    void bytes(std::span<const std::byte> data) {
        out_.insert(out_.end(), data.begin(), data.end());
    }
    void text(std::string_view characters) { bytes(std::as_bytes(std::span(characters))); }

    void patch_u32(std::size_t at, std::uint32_t value) {
        for (std::size_t i = 0; i < 4; ++i) {
            out_[at + i] = static_cast<std::byte>(value >> (24 - 8 * i));
        }
    }

    /// Writes the header with an open size; end_box() with the returned position closes it.
    [[nodiscard]] std::size_t begin_box(FourCc type) {
        const std::size_t at = size();
        u32(0);
        u32(type);
        return at;
    }
    [[nodiscard]] std::size_t begin_full_box(FourCc type,
                                             std::uint32_t version,
                                             std::uint32_t flags) {
        const std::size_t at = begin_box(type);
        u32(version << 24 | flags);
        return at;
    }
    void end_box(std::size_t at) { patch_u32(at, static_cast<std::uint32_t>(size() - at)); }

    /// `count` bytes at the end of the buffer, for loops that fill them directly. Valid until the
    /// next append.
    [[nodiscard]] std::byte* grow(std::size_t count) {
        const std::size_t at = size();
        out_.resize(at + count);
        return out_.data() + at;
    }

  private:
    void number(std::uint64_t value, unsigned count) {
        std::byte* to = grow(count);
        for (unsigned i = 0; i < count; ++i) {
            to[i] = static_cast<std::byte>(value >> (8 * (count - 1 - i)));
        }
    }

    std::vector<std::byte>& out_;
};

}  // namespace sg::formats
