#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <base/result.hpp>
#include <packagers/segment.hpp>

namespace sg::live {

/// Whether silence of this sound can be written without an encoder: AAC-LC in the usual channels.
[[nodiscard]] bool can_be_silent(const packagers::TrackDescription& description);

/// Samples of a frame that silence is made of.
inline constexpr std::int64_t kSilentFrame = 1024;

/// A segment of `frames` silent frames. `decode_time`: of the first, with K. `sequence`: of the
/// fragment before, moved on.
[[nodiscard]] Result<std::vector<std::byte>> silent_segment(
    const packagers::TrackDescription& description,
    std::uint64_t decode_time,
    std::uint32_t frames,
    std::uint32_t& sequence);

}  // namespace sg::live
