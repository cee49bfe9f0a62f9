#include <algorithm>
#include <array>
#include <numeric>

#include <formats/bit_reader.hpp>
#include <formats/h264.hpp>
#include <formats/nal.hpp>

namespace sg::formats {

namespace {

constexpr unsigned kNalSps = 7;
constexpr std::uint32_t kExtendedSar = 255;
constexpr std::uint32_t kMaxMacroblocksAcross = 2048;  // 32768 samples

void skip_scaling_list(BitReader& bits, unsigned size) {
    std::int32_t last = 8;
    std::int32_t next = 8;
    for (unsigned i = 0; i < size && bits.ok(); ++i) {
        // Only next == 0 matters here: it ends the deltas.
        if (next != 0) next = (last + bits.se()) & 255;
        if (next != 0) last = next;
    }
}

void skip_hrd(BitReader& bits) {
    const std::uint32_t count = bits.ue() + 1;
    bits.skip(8);
    for (std::uint32_t i = 0; i < count && count <= 32 && bits.ok(); ++i) {
        bits.ue();
        bits.ue();
        bits.skip(1);
    }
    bits.skip(20);
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
    if (bits.flag()) bits.skip(1);  // overscan
    if (bits.flag()) {
        bits.skip(3);
        facts.full_range = bits.flag();
        facts.range_known = bits.ok();
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
    if (bits.flag()) {
        const std::uint32_t tick_units = bits.u(32);
        const std::uint32_t time_scale = bits.u(32);
        bits.skip(1);
        // A frame is two ticks. Huge units overflow the doubling and are nonsense anyway.
        if (bits.ok() && tick_units != 0 && time_scale != 0 && tick_units < 0x80000000U) {
            const std::uint32_t divisor = std::gcd(time_scale, tick_units * 2);
            facts.frame_rate_num = time_scale / divisor;
            facts.frame_rate_den = tick_units * 2 / divisor;
        }
    }
    const bool nal_hrd = bits.flag();
    if (nal_hrd) skip_hrd(bits);
    const bool vcl_hrd = bits.flag();
    if (vcl_hrd) skip_hrd(bits);
    if (nal_hrd || vcl_hrd) bits.skip(1);
    bits.skip(1);
    if (bits.flag()) {
        bits.skip(1);
        for (int i = 0; i < 4; ++i) bits.ue();
        const std::uint32_t reorder = bits.ue();
        if (bits.ok() && reorder <= 16) facts.reorder_depth = static_cast<std::int32_t>(reorder);
    }
}

Error bad_sps(const char* why) {
    return Error{Errc::kBadData, std::string("read H.264 sequence parameter set: ") + why};
}

}  // namespace

bool sample_aspect_ratio(std::uint32_t idc, std::uint32_t& num, std::uint32_t& den) {
    static constexpr std::array<std::array<std::uint16_t, 2>, 16> kRatios{{{1, 1},
                                                                           {12, 11},
                                                                           {10, 11},
                                                                           {16, 11},
                                                                           {40, 33},
                                                                           {24, 11},
                                                                           {20, 11},
                                                                           {32, 11},
                                                                           {80, 33},
                                                                           {18, 11},
                                                                           {15, 11},
                                                                           {64, 33},
                                                                           {160, 99},
                                                                           {4, 3},
                                                                           {3, 2},
                                                                           {2, 1}}};
    if (idc < 1 || idc > kRatios.size()) return false;
    num = kRatios[idc - 1][0];
    den = kRatios[idc - 1][1];
    return true;
}

bool h264_is_high_profile(std::uint8_t profile_idc) {
    static constexpr std::array<std::uint8_t, 13> kHigh{
        100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135};
    return std::find(kHigh.begin(), kHigh.end(), profile_idc) != kHigh.end();
}

Result<H264Sps> parse_h264_sps(std::span<const std::byte> nal) {
    if (nal.size() < 5 || h264_nal_type(nal) != kNalSps) return bad_sps("not one, or too short");
    const std::vector<std::byte> rbsp = unescape_nal(nal.subspan(1));
    BitReader bits(rbsp);
    H264Sps sps;
    sps.profile_idc = static_cast<std::uint8_t>(bits.u(8));
    sps.constraint_flags = static_cast<std::uint8_t>(bits.u(8));
    sps.level_idc = static_cast<std::uint8_t>(bits.u(8));
    VideoFacts& facts = sps.facts;
    facts.profile = sps.profile_idc;
    facts.level = sps.level_idc;
    sps.id = bits.ue();
    if (h264_is_high_profile(sps.profile_idc)) {
        facts.chroma_format = bits.ue();
        if (facts.chroma_format > 3) return bad_sps("chroma_format_idc is above 3");
        if (facts.chroma_format == 3) sps.separate_planes = bits.flag();
        facts.bit_depth = bits.ue() + 8;
        sps.bit_depth_chroma = bits.ue() + 8;
        if (facts.bit_depth > 14 || sps.bit_depth_chroma > 14) return bad_sps("bit depth above 14");
        bits.skip(1);
        if (bits.flag()) {
            const unsigned lists = facts.chroma_format == 3 ? 12 : 8;
            for (unsigned i = 0; i < lists; ++i) {
                if (bits.flag()) skip_scaling_list(bits, i < 6 ? 16 : 64);
            }
        }
    }
    const std::uint32_t frame_num_bits = bits.ue() + 4;
    if (frame_num_bits > 16) return bad_sps("frame_num is longer than 16 bits");
    sps.frame_num_bits = frame_num_bits;
    const std::uint32_t poc_type = bits.ue();
    if (poc_type == 0) {
        bits.ue();
    } else if (poc_type == 1) {
        bits.skip(1);
        bits.se();
        bits.se();
        const std::uint32_t cycle = bits.ue();
        if (cycle > 255) return bad_sps("picture order count cycle is too long");
        for (std::uint32_t i = 0; i < cycle; ++i) bits.se();
    } else if (poc_type > 2) {
        return bad_sps("unknown picture order count type");
    }
    bits.ue();
    bits.skip(1);
    const std::uint64_t mbs_across = std::uint64_t{bits.ue()} + 1;
    const std::uint64_t map_units = std::uint64_t{bits.ue()} + 1;
    const bool frames_only = bits.flag();
    if (!bits.ok()) return bad_sps("it is cut short");
    if (mbs_across > kMaxMacroblocksAcross || map_units > kMaxMacroblocksAcross) {
        return bad_sps("the picture is larger than 32768 samples");
    }
    if (!frames_only) bits.skip(1);
    facts.interlaced = !frames_only;
    bits.skip(1);
    const std::uint64_t field_factor = frames_only ? 1 : 2;
    const std::uint64_t width = mbs_across * 16;
    const std::uint64_t height = map_units * 16 * field_factor;
    std::uint64_t crop_x = 0;
    std::uint64_t crop_y = 0;
    if (bits.flag()) {
        const bool chroma = facts.chroma_format != 0 && !sps.separate_planes;
        const std::uint64_t unit_x = chroma && facts.chroma_format != 3 ? 2 : 1;
        const std::uint64_t unit_y = (chroma && facts.chroma_format == 1 ? 2 : 1) * field_factor;
        const std::uint64_t left = bits.ue();
        const std::uint64_t right = bits.ue();
        const std::uint64_t top = bits.ue();
        const std::uint64_t bottom = bits.ue();
        crop_x = (left + right) * unit_x;
        crop_y = (top + bottom) * unit_y;
    }
    if (!bits.ok()) return bad_sps("it is cut short");
    if (crop_x >= width || crop_y >= height) return bad_sps("the crop leaves no picture");
    facts.width = static_cast<std::uint32_t>(width - crop_x);
    facts.height = static_cast<std::uint32_t>(height - crop_y);
    if (bits.flag()) parse_vui(bits, facts);
    // A VUI that is cut short is common in the wild and costs nothing but what it would have said.
    return sps;
}

}  // namespace sg::formats
