#include <algorithm>

#include <formats/bit_reader.hpp>

namespace sg::formats {

std::uint32_t BitReader::u(unsigned count) {
    if (count > bits_left()) {
        ok_ = false;
        at_ = bytes_.size() * 8;
        return 0;
    }
    std::uint64_t value = 0;
    unsigned taken = 0;
    while (taken < count) {
        const unsigned offset = static_cast<unsigned>(at_ % 8);
        const unsigned here = std::min(8 - offset, count - taken);
        const auto byte = std::to_integer<unsigned>(bytes_[at_ / 8]);
        value = value << here | (byte >> (8 - offset - here) & ((1U << here) - 1));
        at_ += here;
        taken += here;
    }
    return static_cast<std::uint32_t>(value);
}

void BitReader::skip(std::size_t count) {
    if (count > bits_left()) {
        ok_ = false;
        at_ = bytes_.size() * 8;
        return;
    }
    at_ += count;
}

std::uint32_t BitReader::ue() {
    unsigned zeros = 0;
    while (ok_ && !flag()) ++zeros;
    if (!ok_ || zeros > 32) {
        ok_ = false;
        return 0;
    }
    if (zeros == 32) {
        // Only 2^32 - 1 is left for a 32-bit value: 32 zero bits follow.
        if (u(32) != 0) ok_ = false;
        return 0xFFFFFFFFU;
    }
    return (1U << zeros) - 1 + u(zeros);
}

std::int32_t BitReader::se() {
    const std::uint64_t code = ue();
    const auto magnitude = static_cast<std::int64_t>((code + 1) / 2);
    return static_cast<std::int32_t>(code % 2 == 1 ? magnitude : -magnitude);
}

}  // namespace sg::formats
