#include <algorithm>

#include <formats/windowed_bytes.hpp>

namespace sg::formats {
namespace {
constexpr std::size_t kWindow = std::size_t{16} << 10;
}

WindowedBytes WindowedBytes::sub(std::uint64_t at, std::uint64_t size) const {
    const auto from = std::min(at, size_);
    return {read_, offset_ + from, std::min(size, size_ - from)};
}

bool WindowedBytes::copy(std::uint64_t at, std::span<std::byte> into) const {
    if (!read_ || at > size_ || into.size() > size_ - at) return false;
    const auto got = (*read_)(offset_ + at, into);
    return got && *got == into.size();
}

const std::byte* WindowedBytes::load(std::uint64_t at, std::size_t count) const {
    if (read_ && !failed_ && at < size_ && count <= size_ - at) {
        const auto want = std::min<std::uint64_t>(kWindow, size_ - at);
        window_.resize(want);
        const auto got = (*read_)(offset_ + at, window_);
        if (got && *got >= count) {
            window_.resize(*got);
            begin_ = at;
            return window_.data();
        }
    }
    window_.clear();
    failed_ = true;
    return nullptr;
}

}  // namespace sg::formats
