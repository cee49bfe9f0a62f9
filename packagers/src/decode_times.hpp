#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <packagers/cmaf_segment_layout.hpp>

namespace sg::packagers {

/// When a segment's samples are decoded, in their timescale, without K.
struct DecodeTimes {
    std::vector<std::int64_t> starts;  ///< in decoding order, strictly ascending
    std::int64_t end = 0;
};

/// ADR 0001: no sample is decoded after it is shown. A segment starts `lead` before its first
/// picture is shown, and ends as long before the next one's; but the one at the origin starts with
/// its picture, and the lead comes out of its length. `shown` are the samples' presentation times
/// in ascending order, without equals; `end` is after the last of them, and more than `lead` after
/// the origin. Where the timescale is too coarse for all that, samples may be decoded late.
[[nodiscard]] DecodeTimes decode_times(std::span<const LayoutSample> samples,
                                       std::span<const std::int64_t> shown,
                                       std::int64_t end,
                                       std::int64_t lead);

}  // namespace sg::packagers
