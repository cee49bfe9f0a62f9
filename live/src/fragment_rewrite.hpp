#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <base/result.hpp>

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

}  // namespace sg::live
