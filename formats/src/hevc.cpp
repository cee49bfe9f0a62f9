#include <algorithm>
#include <numeric>
#include <string>

#include <formats/bit_reader.hpp>
#include <formats/h264.hpp>
#include <formats/hevc.hpp>
#include <formats/nal.hpp>

namespace sg::formats {

namespace {

constexpr unsigned kNalSps = 33;
constexpr std::uint32_t kExtendedSar = 255;
constexpr std::uint32_t kMaxDimension = 32768;
constexpr std::uint32_t kMaxShortTermSets = 64;
constexpr std::uint32_t kMaxPicturesInSet = 16;

Error bad_sps(const char* why) {
    return Error{Errc::kBadData, std::string("read HEVC sequence parameter set: ") + why};
}

HevcProfile parse_profile_tier_level(BitReader& bits, std::uint32_t sub_layers) {
    HevcProfile profile;
    profile.space = static_cast<std::uint8_t>(bits.u(2));
    profile.high_tier = bits.flag();
    profile.profile_idc = static_cast<std::uint8_t>(bits.u(5));
    profile.compatibility = bits.u(32);
    for (std::uint8_t& byte : profile.constraints) byte = static_cast<std::uint8_t>(bits.u(8));
    profile.level_idc = static_cast<std::uint8_t>(bits.u(8));
    if (sub_layers <= 1) return profile;
    std::array<bool, 8> has_profile{};
    std::array<bool, 8> has_level{};
    for (std::uint32_t i = 0; i + 1 < sub_layers; ++i) {
        has_profile[i] = bits.flag();
        has_level[i] = bits.flag();
    }
    for (std::uint32_t i = sub_layers - 1; i < 8; ++i) bits.skip(2);
    for (std::uint32_t i = 0; i + 1 < sub_layers; ++i) {
        if (has_profile[i]) bits.skip(88);
        if (has_level[i]) bits.skip(8);
    }
    return profile;
}

void skip_scaling_lists(BitReader& bits) {
    for (unsigned size = 0; size < 4; ++size) {
        for (unsigned matrix = 0; matrix < 6; matrix += size == 3 ? 3 : 1) {
            if (!bits.flag()) {
                bits.ue();
                continue;
            }
            const unsigned coefficients = std::min(64U, 1U << (4 + (size << 1)));
            if (size > 1) bits.se();
            for (unsigned i = 0; i < coefficients && bits.ok(); ++i) bits.se();
        }
    }
}

/// st_ref_pic_set(); `pictures` holds NumDeltaPocs of the sets before it. False when it breaks a
/// bound.
bool skip_short_term_set(BitReader& bits,
                         std::uint32_t index,
                         std::array<std::uint32_t, kMaxShortTermSets>& pictures) {
    if (index != 0 && bits.flag()) {
        bits.skip(1);
        bits.ue();
        std::uint32_t kept = 0;
        for (std::uint32_t i = 0; i <= pictures[index - 1]; ++i) {
            const bool used = bits.flag();
            const bool use_delta = used || bits.flag();
            if (use_delta) ++kept;
        }
        if (kept > kMaxPicturesInSet) return false;
        pictures[index] = kept;
        return bits.ok();
    }
    const std::uint32_t negative = bits.ue();
    const std::uint32_t positive = bits.ue();
    if (negative > kMaxPicturesInSet || positive > kMaxPicturesInSet) return false;
    for (std::uint32_t i = 0; i < negative + positive; ++i) {
        bits.ue();
        bits.skip(1);
    }
    pictures[index] = negative + positive;
    return bits.ok();
}

void parse_vui(BitReader& bits, VideoFacts& facts) {
    if (bits.flag()) {
        const std::uint32_t idc = bits.u(8);
        if (idc == kExtendedSar) {
            facts.sar_num = bits.u(16);
            facts.sar_den = bits.u(16);
            if (facts.sar_num == 0 || facts.sar_den == 0) facts.sar_num = 0, facts.sar_den = 1;
        } else {
            sample_aspect_ratio(idc, facts.sar_num, facts.sar_den);
        }
    }
    if (bits.flag()) bits.skip(1);
    if (bits.flag()) {
        bits.skip(3);
        facts.full_range = bits.flag();
        if (bits.flag()) {
            facts.colour_primaries = bits.u(8);
            facts.transfer = bits.u(8);
            facts.matrix = bits.u(8);
        }
    }
    if (bits.flag()) {
        bits.ue();
        bits.ue();
    }
    bits.skip(1);
    if (bits.flag()) facts.interlaced = true;  // field_seq_flag
    bits.skip(1);
    if (bits.flag()) {
        for (int i = 0; i < 4; ++i) bits.ue();  // default display window: not a crop
    }
    if (bits.flag()) {
        const std::uint32_t tick_units = bits.u(32);
        const std::uint32_t time_scale = bits.u(32);
        if (bits.ok() && tick_units != 0 && time_scale != 0) {
            const std::uint32_t divisor = std::gcd(time_scale, tick_units);
            facts.frame_rate_num = time_scale / divisor;
            facts.frame_rate_den = tick_units / divisor;
        }
    }
}

}  // namespace

Result<HevcSps> parse_hevc_sps(std::span<const std::byte> nal) {
    if (nal.size() < 16 || hevc_nal_type(nal) != kNalSps) return bad_sps("not one, or too short");
    const std::vector<std::byte> rbsp = unescape_nal(nal.subspan(2));
    BitReader bits(rbsp);
    HevcSps sps;
    VideoFacts& facts = sps.facts;
    bits.skip(4);
    sps.sub_layers = bits.u(3) + 1;
    if (sps.sub_layers > 7) return bad_sps("more than seven sub-layers");
    sps.temporal_id_nesting = bits.flag();
    sps.profile = parse_profile_tier_level(bits, sps.sub_layers);
    facts.profile = sps.profile.profile_idc;
    facts.level = sps.profile.level_idc;
    sps.id = bits.ue();
    facts.chroma_format = bits.ue();
    if (facts.chroma_format > 3) return bad_sps("chroma_format_idc is above 3");
    if (facts.chroma_format == 3) sps.separate_planes = bits.flag();
    const std::uint32_t width = bits.ue();
    const std::uint32_t height = bits.ue();
    if (!bits.ok() || width == 0 || height == 0) return bad_sps("it has no picture size");
    if (width > kMaxDimension || height > kMaxDimension) {
        return bad_sps("the picture is larger than 32768 samples");
    }
    std::uint64_t crop_x = 0;
    std::uint64_t crop_y = 0;
    if (bits.flag()) {
        const bool chroma = !sps.separate_planes;
        const std::uint64_t unit_x =
            chroma && (facts.chroma_format == 1 || facts.chroma_format == 2) ? 2 : 1;
        const std::uint64_t unit_y = chroma && facts.chroma_format == 1 ? 2 : 1;
        const std::uint64_t left = bits.ue();
        const std::uint64_t right = bits.ue();
        const std::uint64_t top = bits.ue();
        const std::uint64_t bottom = bits.ue();
        crop_x = (left + right) * unit_x;
        crop_y = (top + bottom) * unit_y;
    }
    if (crop_x >= width || crop_y >= height) return bad_sps("the crop leaves no picture");
    facts.width = static_cast<std::uint32_t>(width - crop_x);
    facts.height = static_cast<std::uint32_t>(height - crop_y);
    facts.bit_depth = bits.ue() + 8;
    sps.bit_depth_chroma = bits.ue() + 8;
    if (facts.bit_depth > 16 || sps.bit_depth_chroma > 16) return bad_sps("bit depth above 16");
    const std::uint32_t poc_bits = bits.ue() + 4;
    if (poc_bits > 16) return bad_sps("picture order count is too wide");
    sps.order_count_bits = poc_bits;
    const bool all_layers = bits.flag();
    for (std::uint32_t i = all_layers ? 0 : sps.sub_layers - 1; i < sps.sub_layers; ++i) {
        bits.ue();
        const std::uint32_t reorder = bits.ue();
        bits.ue();
        if (reorder <= 16) facts.reorder_depth = static_cast<std::int32_t>(reorder);
    }
    for (int i = 0; i < 6; ++i) bits.ue();
    if (bits.flag() && bits.flag()) skip_scaling_lists(bits);
    bits.skip(2);
    if (bits.flag()) {  // pcm
        bits.skip(8);
        bits.ue();
        bits.ue();
        bits.skip(1);
    }
    const std::uint32_t sets = bits.ue();
    if (!bits.ok()) return bad_sps("it is cut short");
    if (sets > kMaxShortTermSets) return bad_sps("too many reference picture sets");
    std::array<std::uint32_t, kMaxShortTermSets> pictures{};
    for (std::uint32_t i = 0; i < sets; ++i) {
        if (!skip_short_term_set(bits, i, pictures)) return bad_sps("bad reference picture set");
    }
    if (bits.flag()) {
        const std::uint32_t long_term = bits.ue();
        if (long_term > 32) return bad_sps("too many long-term pictures");
        bits.skip(std::size_t{long_term} * (poc_bits + 1));
    }
    bits.skip(2);
    if (bits.flag()) parse_vui(bits, facts);
    return sps;
}

}  // namespace sg::formats
