#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include <base/result.hpp>

namespace sg::formats {

/// Reads bytes of a file at an offset, like pread: the count is short only at the end of the file.
using ReadAt = std::function<Result<std::size_t>(std::uint64_t offset, std::span<std::byte> into)>;

/// A part of a file that is read a window at a time, as it is looked at. Copies have windows of
/// their own. One thread at a time. What cannot be read yields zeros and makes failed() true for
/// good.
class WindowedBytes {
  public:
    WindowedBytes() = default;
    WindowedBytes(std::shared_ptr<const ReadAt> read, std::uint64_t offset, std::uint64_t size)
        : read_(std::move(read)), offset_(offset), size_(size) {}

    [[nodiscard]] std::uint64_t size() const { return size_; }
    [[nodiscard]] bool empty() const { return size_ == 0; }
    [[nodiscard]] bool failed() const { return failed_; }
    /// Big-endian.
    [[nodiscard]] std::uint8_t u8(std::uint64_t at) const {
        const std::byte* p = look(at, 1);
        return p == nullptr ? std::uint8_t{0} : std::to_integer<std::uint8_t>(*p);
    }
    [[nodiscard]] std::uint16_t u16(std::uint64_t at) const {
        return static_cast<std::uint16_t>(u8(at) << 8 | u8(at + 1));
    }
    [[nodiscard]] std::uint32_t u32(std::uint64_t at) const {
        const std::byte* p = look(at, 4);
        if (p == nullptr) return 0;
        return std::to_integer<std::uint32_t>(p[0]) << 24 |
               std::to_integer<std::uint32_t>(p[1]) << 16 |
               std::to_integer<std::uint32_t>(p[2]) << 8 | std::to_integer<std::uint32_t>(p[3]);
    }
    [[nodiscard]] std::uint64_t u64(std::uint64_t at) const {
        return std::uint64_t{u32(at)} << 32 | u32(at + 4);
    }
    /// Clipped to what there is.
    [[nodiscard]] WindowedBytes sub(std::uint64_t at, std::uint64_t size) const;
    [[nodiscard]] bool copy(std::uint64_t at, std::span<std::byte> into) const;

  private:
    [[nodiscard]] const std::byte* look(std::uint64_t at, std::size_t count) const {
        if (at >= begin_ && window_.size() >= count && at - begin_ <= window_.size() - count)
            return window_.data() + (at - begin_);
        return load(at, count);
    }
    [[nodiscard]] const std::byte* load(std::uint64_t at, std::size_t count) const;

    std::shared_ptr<const ReadAt> read_;
    std::uint64_t offset_ = 0;
    std::uint64_t size_ = 0;
    mutable std::vector<std::byte> window_;
    mutable std::uint64_t begin_ = 0;
    mutable bool failed_ = false;
};

}  // namespace sg::formats
