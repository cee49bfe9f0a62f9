#include "block_time.hpp"

#include <bit>

namespace sg::ingest {
namespace {

/// EBML variable-size integer (RFC 8794 section 4); takes it off `bytes`.
std::optional<std::uint64_t> take_vint(std::span<const std::byte>& bytes) {
    if (bytes.empty() || bytes[0] == std::byte{0}) return std::nullopt;
    const auto first = std::to_integer<std::uint8_t>(bytes[0]);
    const auto length = static_cast<std::size_t>(std::countl_zero(first)) + 1;
    if (bytes.size() < length) return std::nullopt;
    std::uint64_t value = first & (0xFFU >> length);
    for (std::size_t i = 1; i < length; ++i)
        value = value << 8 | std::to_integer<std::uint64_t>(bytes[i]);
    bytes = bytes.subspan(length);
    return value;
}

}  // namespace

std::optional<std::int64_t> time_before_zero(std::span<const std::byte> block) {
    const auto track = take_vint(block);
    if (!track || block.size() < 2) return std::nullopt;
    const auto time = static_cast<std::int16_t>(std::to_integer<unsigned>(block[0]) << 8 |
                                                std::to_integer<unsigned>(block[1]));
    if (time >= 0) return std::nullopt;
    return time;
}

}  // namespace sg::ingest
