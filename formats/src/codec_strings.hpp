#pragma once

#include <string>

#include <formats/av1.hpp>
#include <formats/hevc.hpp>
#include <formats/video_facts.hpp>

namespace sg::formats {

/// RFC 6381 and ISO/IEC 14496-15 section 3: avc1.PPCCLL
[[nodiscard]] std::string avc_codecs(std::uint8_t profile,
                                     std::uint8_t constraints,
                                     std::uint8_t level);
/// ISO/IEC 14496-15 Annex E: hvc1.A.B.C.D
[[nodiscard]] std::string hevc_codecs(const HevcProfile& profile);
/// AV1 in ISO-BMFF section 5; the optional fields only when one is not its default.
[[nodiscard]] std::string av1_codecs(const Av1Sequence& sequence);
/// VP codec ISO media file format binding, "Codecs parameter string".
[[nodiscard]] std::string vp9_codecs(const VideoFacts& facts);

/// VP9's chromaSubsampling code: 4:2:0 counts as co-located with luma sample (0,0), what players
/// assume.
[[nodiscard]] unsigned vp9_chroma_code(const VideoFacts& facts);

}  // namespace sg::formats
