#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace sg::ingest {

/// Time before zero of a Matroska block (RFC 9559 section 10), in ticks of its cluster, which is
/// taken to begin at zero: libav's demuxer leaves such times out. `block` is what a SimpleBlock or
/// Block holds. Nothing when it is not before zero.
[[nodiscard]] std::optional<std::int64_t> time_before_zero(std::span<const std::byte> block);

}  // namespace sg::ingest
