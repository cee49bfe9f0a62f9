#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include <base/result.hpp>
#include <formats/codec_config.hpp>

namespace sg::packagers {

/// Appends a sample in the form that MP4 stores, without delimiters, filler and the init segment's
/// own parameter sets (ISO/IEC 14496-15 sections 4.3, 5.3.2 and 8.3.2; AV1 in ISO-BMFF
/// section 2.4). Audio and VP9 are appended as they are.
[[nodiscard]] Status append_clean_sample(const formats::CodecConfig& codec,
                                         bool annex_b,
                                         std::span<const std::byte> data,
                                         std::vector<std::byte>& out);

/// How many bytes append_clean_sample() will append.
[[nodiscard]] Result<std::size_t> clean_sample_size(const formats::CodecConfig& codec,
                                                    bool annex_b,
                                                    std::span<const std::byte> data);

}  // namespace sg::packagers
