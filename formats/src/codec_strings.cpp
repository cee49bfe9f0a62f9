#include "codec_strings.hpp"

#include <fmt/format.h>

namespace sg::formats {

namespace {

bool is_plain_colour(const VideoFacts& facts) {
    const bool unspecified =
        facts.colour_primaries == 2 && facts.transfer == 2 && facts.matrix == 2;
    const bool bt709 = facts.colour_primaries == 1 && facts.transfer == 1 && facts.matrix == 1;
    return (unspecified || bt709) && !facts.full_range;
}

}  // namespace

std::string avc_codecs(std::uint8_t profile, std::uint8_t constraints, std::uint8_t level) {
    return fmt::format("avc1.{:02x}{:02x}{:02x}", profile, constraints, level);
}

std::string hevc_codecs(const HevcProfile& profile) {
    std::uint32_t reversed = 0;
    for (unsigned i = 0; i < 32; ++i) reversed = reversed << 1 | (profile.compatibility >> i & 1);
    std::string text = "hvc1.";
    if (profile.space > 0) text += static_cast<char>('A' + profile.space - 1);
    text += fmt::format("{}.{:X}.{}{}",
                        profile.profile_idc,
                        reversed,
                        profile.high_tier ? 'H' : 'L',
                        profile.level_idc);
    std::size_t used = profile.constraints.size();
    while (used > 0 && profile.constraints[used - 1] == 0) --used;
    for (std::size_t i = 0; i < used; ++i) text += fmt::format(".{:X}", profile.constraints[i]);
    return text;
}

std::string av1_codecs(const Av1Sequence& sequence) {
    const VideoFacts& facts = sequence.facts;
    std::string text = fmt::format("av01.{}.{:02}{}.{:02}",
                                   sequence.profile,
                                   sequence.level_idx,
                                   sequence.high_tier ? 'H' : 'M',
                                   facts.bit_depth);
    if (facts.chroma_format == 1 && is_plain_colour(facts)) return text;
    return text + fmt::format(".{}.{}{}{}.{:02}.{:02}.{:02}.{}",
                              sequence.monochrome ? 1 : 0,
                              sequence.subsampling_x ? 1 : 0,
                              sequence.subsampling_y ? 1 : 0,
                              sequence.chroma_sample_position,
                              facts.colour_primaries,
                              facts.transfer,
                              facts.matrix,
                              facts.full_range ? 1 : 0);
}

unsigned vp9_chroma_code(const VideoFacts& facts) {
    return facts.chroma_format == 3 ? 3 : facts.chroma_format == 2 ? 2 : 1;
}

std::string vp9_codecs(const VideoFacts& facts) {
    std::string text =
        fmt::format("vp09.{:02}.{:02}.{:02}", facts.profile, facts.level, facts.bit_depth);
    if (facts.chroma_format == 1 && is_plain_colour(facts)) return text;
    return text + fmt::format(".{:02}.{:02}.{:02}.{:02}.{:02}",
                              vp9_chroma_code(facts),
                              facts.colour_primaries,
                              facts.transfer,
                              facts.matrix,
                              facts.full_range ? 1 : 0);
}

}  // namespace sg::formats
