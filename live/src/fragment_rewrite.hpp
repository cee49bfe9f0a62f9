#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <base/result.hpp>
#include <formats/bmff_reader.hpp>

namespace sg::live {

struct FragmentEdit {
    std::uint32_t track_id = 1;
    std::int64_t earlier = 0;  ///< taken away from decode times
};

/// Changes fragments in place for another file: moof after moof gets the next number after
/// `sequence`, which is moved on. kBadData when a box is broken or a decode time would be negative.
[[nodiscard]] Status rewrite_fragments(std::span<std::byte> bytes,
                                       const FragmentEdit& edit,
                                       std::uint32_t& sequence);

struct SampleEdit {
    std::size_t samples = std::numeric_limits<std::size_t>::max();  ///< kept, in decoding order
    /// Added to decode times and taken away from composition offsets: what is shown when stays.
    std::int64_t decode_later = 0;
};

/// The segment with its fragments made anew; `parsed` is what it holds, of one track.
[[nodiscard]] Result<std::vector<std::byte>> remake_fragments(std::span<const std::byte> segment,
                                                              const formats::ParsedSegment& parsed,
                                                              const SampleEdit& edit);

}  // namespace sg::live
