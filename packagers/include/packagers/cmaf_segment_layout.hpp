#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <base/result.hpp>
#include <packagers/segment.hpp>

namespace sg::packagers {

/// A sample of a segment, in decoding order. Times are presentation ticks from the timeline's
/// origin, without K.
struct LayoutSample {
    std::int64_t pts = 0;
    std::uint32_t duration = 0;
    std::uint32_t size = 0;
    bool key = false;
};

struct LayoutConfig {
    std::int64_t offset = 0;  ///< K, in the track's timescale
    /// How far the decode time of each segment but the one at the origin stands before its first
    /// picture; the same for all segments of a track, and less than the first one's length (ADR
    /// 0001).
    std::int64_t decode_lead = 0;
    std::uint32_t track_id = 1;
    bool segment_type_box = true;  ///< styp in front
    /// A segment may begin without a key frame (live, a GOP that outlasts the target); it is then
    /// not independent.
    bool allow_delta_start = false;
    /// Pictures of the first GOP may come before its key frame in presentation (open GOP of a
    /// copied stream).
    bool allow_leading_pictures = false;
};

/// Where the bytes of one fragment come from: headers first, then the payload of its samples.
struct LayoutPiece {
    std::size_t header_at = 0;
    std::size_t header_bytes = 0;
    std::uint64_t payload_bytes = 0;
    std::size_t first_sample = 0;
    std::size_t samples = 0;
};

/// A segment without its payload, so that the payload can be gathered, or copied by the kernel.
struct SegmentLayout {
    std::vector<std::byte> headers;
    std::vector<LayoutPiece> pieces;
    SegmentIndex index;  ///< complete but for its digest
};

/// Decode times follow from presentation times; composition offsets are not negative (ADR 0001).
/// `fragment_starts` are indexes of samples in ascending order, the first being 0. `end` is the
/// presentation time at which the next segment starts, when that is known better than by the last
/// picture's duration. kMismatch when the samples break a promise of segments, kInvalidArgument
/// when K does not lift them above zero.
[[nodiscard]] Result<SegmentLayout> lay_out_segment(const LayoutConfig& config,
                                                    std::int64_t number,
                                                    std::span<const LayoutSample> samples,
                                                    std::span<const std::size_t> fragment_starts,
                                                    std::optional<std::int64_t> end);

}  // namespace sg::packagers
