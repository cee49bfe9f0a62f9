#include <algorithm>
#include <array>

#include <fmt/format.h>

#include <formats/byte_reader.hpp>
#include <formats/byte_writer.hpp>
#include <formats/h264.hpp>
#include <formats/hdr_metadata.hpp>
#include <formats/hevc.hpp>
#include <formats/nal.hpp>
#include <formats/vp9.hpp>

#include "codec_config_makers.hpp"
#include "codec_strings.hpp"

namespace sg::formats {

namespace {

using Bytes = std::vector<std::byte>;

constexpr unsigned kH264Sps = 7;
constexpr unsigned kH264Pps = 8;
constexpr unsigned kH264SpsExtension = 13;
constexpr unsigned kHevcVps = 32;
constexpr unsigned kHevcSps = 33;
constexpr unsigned kHevcPps = 34;
constexpr unsigned kHevcPrefixSei = 39;
constexpr std::size_t kMaxParameterSets = 64;
constexpr std::size_t kMaxParameterSetBytes = 65535;

Error bad_config(const char* codec, const char* why) {
    return Error{Errc::kBadData, fmt::format("read {} configuration: {}", codec, why)};
}

/// Keeps each distinct set once; false when there are too many or one is too long to be stored.
bool add_set(std::vector<Bytes>& sets, std::span<const std::byte> nal) {
    if (nal.empty() || nal.size() > kMaxParameterSetBytes) return false;
    const auto same = [&](const Bytes& set) { return std::ranges::equal(set, nal); };
    if (std::ranges::any_of(sets, same)) return true;
    if (sets.size() == kMaxParameterSets) return false;
    sets.emplace_back(nal.begin(), nal.end());
    return true;
}

void write_sets(ByteWriter& writer, const std::vector<Bytes>& sets) {
    for (const Bytes& set : sets) {
        writer.u16(static_cast<std::uint32_t>(set.size()));
        writer.bytes(set);
    }
}

void append_sets(const std::vector<Bytes>& from, std::vector<Bytes>& to) {
    to.insert(to.end(), from.begin(), from.end());
}

struct AvcSets {
    std::vector<Bytes> sps, pps, extension;
    unsigned length_size = 4;
};

bool sort_h264(std::span<const std::byte> nal, AvcSets& sets) {
    const unsigned type = h264_nal_type(nal);
    if (type == kH264Sps) return add_set(sets.sps, nal);
    if (type == kH264Pps) return add_set(sets.pps, nal);
    if (type == kH264SpsExtension) return add_set(sets.extension, nal);
    return true;
}

bool has_avcc_extension(std::uint8_t profile) {
    return profile == 100 || profile == 110 || profile == 122 || profile == 244;
}

/// AVCDecoderConfigurationRecord, ISO/IEC 14496-15 section 5.3.3.1.
Status read_avcc(std::span<const std::byte> extradata, AvcSets& sets) {
    ByteReader reader(extradata);
    if (reader.u8() != 1) return bad_config("H.264", "avcC version is not 1");
    const std::uint8_t profile = reader.u8();
    reader.skip(2);
    sets.length_size = (reader.u8() & 3U) + 1;
    if (sets.length_size == 3) return bad_config("H.264", "three-byte lengths are not allowed");
    const auto read_sets = [&](unsigned count) -> Status {
        for (unsigned i = 0; i < count; ++i) {
            const auto nal = reader.bytes(reader.u16());
            if (!reader.ok()) return bad_config("H.264", "avcC is cut short");
            if (!nal.empty() && !sort_h264(nal, sets)) {
                return bad_config("H.264", "too many parameter sets");
            }
        }
        return {};
    };
    SG_TRY(read_sets(reader.u8() & 31U));
    SG_TRY(read_sets(reader.u8()));
    // Many writers leave the extension out.
    if (!has_avcc_extension(profile) || reader.left() < 4) return {};
    reader.skip(3);
    return read_sets(reader.u8());
}

struct HevcSets {
    std::vector<Bytes> vps, sps, pps, sei;
    unsigned length_size = 4;
};

/// Of SEI only what describes the whole stream: mastering display, content light level, preferred
/// transfer.
bool is_stream_sei(std::span<const std::byte> nal) {
    if (nal.size() < 4) return false;
    const auto type = std::to_integer<unsigned>(nal[2]);
    return type == 137 || type == 144 || type == 147;
}

bool sort_hevc(std::span<const std::byte> nal, HevcSets& sets) {
    if (nal.size() < 2) return true;  // less than a header
    switch (hevc_nal_type(nal)) {
        case kHevcVps:
            return add_set(sets.vps, nal);
        case kHevcSps:
            return add_set(sets.sps, nal);
        case kHevcPps:
            return add_set(sets.pps, nal);
        case kHevcPrefixSei:
            return !is_stream_sei(nal) || add_set(sets.sei, nal);
        default:
            return true;
    }
}

/// HEVCDecoderConfigurationRecord, ISO/IEC 14496-15 section 8.3.3.1.
Status read_hvcc(std::span<const std::byte> extradata, HevcSets& sets) {
    ByteReader reader(extradata);
    // Version 0 was written by early muxers.
    if (reader.u8() > 1) return bad_config("HEVC", "hvcC version is not 1");
    reader.skip(20);
    sets.length_size = (reader.u8() & 3U) + 1;
    if (sets.length_size == 3) return bad_config("HEVC", "three-byte lengths are not allowed");
    const unsigned arrays = reader.u8();
    for (unsigned i = 0; i < arrays; ++i) {
        reader.skip(1);
        const unsigned count = reader.u16();
        for (unsigned n = 0; n < count; ++n) {
            const auto nal = reader.bytes(reader.u16());
            if (!reader.ok()) return bad_config("HEVC", "hvcC is cut short");
            if (!sort_hevc(nal, sets)) return bad_config("HEVC", "too many parameter sets");
        }
    }
    return {};
}

void write_hevc_array(ByteWriter& writer, unsigned type, const std::vector<Bytes>& sets) {
    if (sets.empty()) return;
    // hvc1: parameter sets are only here, so their arrays are complete; SEI may come again in the
    // stream.
    writer.u8((type == kHevcPrefixSei ? 0U : 0x80U) | type);
    writer.u16(static_cast<std::uint32_t>(sets.size()));
    write_sets(writer, sets);
}

}  // namespace

Result<CodecConfig> make_h264_config(std::span<const std::byte> extradata) {
    AvcSets sets;
    CodecConfig config;
    config.from_annex_b = starts_with_start_code(extradata);
    if (config.from_annex_b) {
        AnnexBNals nals(extradata);
        std::span<const std::byte> nal;
        while (nals.next(nal)) {
            if (!sort_h264(nal, sets)) return bad_config("H.264", "too many parameter sets");
        }
    } else {
        SG_TRY(read_avcc(extradata, sets));
    }
    if (sets.sps.empty() || sets.pps.empty()) {
        return bad_config("H.264", "it has no sequence or no picture parameter set");
    }
    if (sets.sps.size() > 31) return bad_config("H.264", "too many sequence parameter sets");
    SG_TRY_ASSIGN(const H264Sps sps, parse_h264_sps(sets.sps.front()));
    ByteWriter writer(config.payload);
    writer.u8(1);
    writer.u8(sps.profile_idc);
    writer.u8(sps.constraint_flags);
    writer.u8(sps.level_idc);
    writer.u8(0xFC | (sets.length_size - 1));
    writer.u8(0xE0 | static_cast<std::uint32_t>(sets.sps.size()));
    write_sets(writer, sets.sps);
    writer.u8(static_cast<std::uint32_t>(sets.pps.size()));
    write_sets(writer, sets.pps);
    if (has_avcc_extension(sps.profile_idc)) {
        writer.u8(0xFC | sps.facts.chroma_format);
        writer.u8(0xF8 | (sps.facts.bit_depth - 8));
        writer.u8(0xF8 | (sps.bit_depth_chroma - 8));
        writer.u8(static_cast<std::uint32_t>(sets.extension.size()));
        write_sets(writer, sets.extension);
    }
    config.sample_entry = fourcc("avc1");
    config.box_type = fourcc("avcC");
    config.codecs = avc_codecs(sps.profile_idc, sps.constraint_flags, sps.level_idc);
    config.video = sps.facts;
    config.nal_length_size = sets.length_size;
    append_sets(sets.sps, config.parameter_sets);
    append_sets(sets.pps, config.parameter_sets);
    append_sets(sets.extension, config.parameter_sets);
    return config;
}

Result<CodecConfig> make_hevc_config(std::span<const std::byte> extradata) {
    HevcSets sets;
    CodecConfig config;
    config.from_annex_b = starts_with_start_code(extradata);
    if (config.from_annex_b) {
        AnnexBNals nals(extradata);
        std::span<const std::byte> nal;
        while (nals.next(nal)) {
            if (!sort_hevc(nal, sets)) return bad_config("HEVC", "too many parameter sets");
        }
    } else {
        SG_TRY(read_hvcc(extradata, sets));
    }
    if (sets.vps.empty() || sets.sps.empty() || sets.pps.empty()) {
        return bad_config("HEVC", "it lacks a video, sequence or picture parameter set");
    }
    SG_TRY_ASSIGN(const HevcSps sps, parse_hevc_sps(sets.sps.front()));
    const HevcProfile& profile = sps.profile;
    ByteWriter writer(config.payload);
    writer.u8(1);
    writer.u8(static_cast<std::uint32_t>(profile.space) << 6 | (profile.high_tier ? 0x20U : 0U) |
              profile.profile_idc);
    writer.u32(profile.compatibility);
    for (const std::uint8_t byte : profile.constraints) writer.u8(byte);
    writer.u8(profile.level_idc);
    writer.u16(0xF000);  // min_spatial_segmentation_idc: no promise
    writer.u8(0xFC);     // parallelismType: unknown
    writer.u8(0xFC | sps.facts.chroma_format);
    writer.u8(0xF8 | (sps.facts.bit_depth - 8));
    writer.u8(0xF8 | (sps.bit_depth_chroma - 8));
    writer.u16(0);  // avgFrameRate: not said
    writer.u8(sps.sub_layers << 3 | (sps.temporal_id_nesting ? 4U : 0U) | (sets.length_size - 1));
    const bool has_sei = !sets.sei.empty();
    writer.u8(has_sei ? 4 : 3);
    write_hevc_array(writer, kHevcVps, sets.vps);
    write_hevc_array(writer, kHevcSps, sets.sps);
    write_hevc_array(writer, kHevcPps, sets.pps);
    write_hevc_array(writer, kHevcPrefixSei, sets.sei);
    config.sample_entry = fourcc("hvc1");
    config.box_type = fourcc("hvcC");
    config.codecs = hevc_codecs(profile);
    config.video = sps.facts;
    for (const Bytes& sei : sets.sei) read_hdr_sei(NalCodec::kHevc, sei, config.video);
    config.nal_length_size = sets.length_size;
    append_sets(sets.vps, config.parameter_sets);
    append_sets(sets.sps, config.parameter_sets);
    append_sets(sets.pps, config.parameter_sets);
    return config;
}

void use_nal_lengths(CodecConfig& config, unsigned bytes) {
    // lengthSizeMinusOne: ISO/IEC 14496-15 sections 5.3.3.1.2 and 8.3.3.1.2.
    const std::size_t at = config.codec == Codec::kH264 ? 4 : 21;
    config.payload[at] = (config.payload[at] & std::byte{0xFC}) | static_cast<std::byte>(bytes - 1);
    config.nal_length_size = bytes;
    config.from_annex_b = false;
}

/// AV1CodecConfigurationRecord, AV1 in ISO-BMFF section 2.3.
Result<CodecConfig> make_av1_config(std::span<const std::byte> extradata) {
    std::span<const std::byte> obus_bytes = extradata;
    // av1C starts with marker 1 and version 1; an OBU never does, as its first bit is 0.
    if (extradata.size() >= 4 && extradata[0] == std::byte{0x81}) obus_bytes = extradata.subspan(4);
    Obus obus(obus_bytes);
    Obu obu;
    CodecConfig config;
    Av1Sequence sequence;
    while (obus.next(obu)) {
        if (obu.type != kObuSequenceHeader) continue;
        SG_TRY_ASSIGN(sequence, parse_av1_sequence(obu.payload));
        if (obu.payload.size() > kMaxParameterSetBytes) {
            return bad_config("AV1", "the sequence header is too long");
        }
        // configOBUs need a size field, which the last OBU of a buffer may lack.
        Bytes whole;
        ByteWriter writer(whole);
        writer.u8(kObuSequenceHeader << 3 | 2);
        std::size_t size = obu.payload.size();
        for (; size >= 128; size >>= 7) writer.u8(static_cast<std::uint32_t>(size & 127) | 128);
        writer.u8(static_cast<std::uint32_t>(size));
        writer.bytes(obu.payload);
        config.parameter_sets.push_back(std::move(whole));
        break;
    }
    if (config.parameter_sets.empty()) {
        return Error{
            Errc::kAgain,
            "read AV1 configuration: it has no sequence header; give the first key frame's OBUs"};
    }
    ByteWriter writer(config.payload);
    writer.u8(0x81);
    writer.u8(static_cast<std::uint32_t>(sequence.profile) << 5 | sequence.level_idx);
    writer.u8((sequence.high_tier ? 0x80U : 0U) | (sequence.high_bitdepth ? 0x40U : 0U) |
              (sequence.twelve_bit ? 0x20U : 0U) | (sequence.monochrome ? 0x10U : 0U) |
              (sequence.subsampling_x ? 8U : 0U) | (sequence.subsampling_y ? 4U : 0U) |
              sequence.chroma_sample_position);
    writer.u8(0);
    writer.bytes(config.parameter_sets.front());
    config.sample_entry = fourcc("av01");
    config.box_type = fourcc("av1C");
    config.codecs = av1_codecs(sequence);
    config.video = sequence.facts;
    read_hdr_metadata(Codec::kAv1, obus_bytes, 0, config.video);
    return config;
}

CodecConfig make_vp9_config(const VideoFacts& given) {
    CodecConfig config;
    VideoFacts& facts = config.video;
    facts = given;
    if (facts.level == 0) {
        facts.level =
            vp9_level(facts.width, facts.height, facts.frame_rate_num, facts.frame_rate_den);
    }
    ByteWriter writer(config.payload);
    writer.u32(0x01000000);
    writer.u8(facts.profile);
    writer.u8(facts.level);
    writer.u8(facts.bit_depth << 4 | vp9_chroma_code(facts) << 1 | (facts.full_range ? 1U : 0U));
    writer.u8(facts.colour_primaries);
    writer.u8(facts.transfer);
    writer.u8(facts.matrix);
    writer.u16(0);
    config.codec = Codec::kVp9;
    config.sample_entry = fourcc("vp09");
    config.box_type = fourcc("vpcC");
    config.codecs = vp9_codecs(facts);
    return config;
}

Result<CodecConfig> make_vp9_config_from(std::span<const std::byte> extradata) {
    // A key frame starts with the frame marker 0b10, a vpcC payload with its version, 1, or, as in
    // RTMP, without version and flags, with the profile, 0 to 3.
    if (!extradata.empty() && (extradata[0] & std::byte{0xC0}) == std::byte{0x80}) {
        SG_TRY_ASSIGN(const VideoFacts facts, parse_vp9_key_frame(extradata));
        return make_vp9_config(facts);
    }
    ByteReader reader(extradata);
    // The third byte of a record without them has the bit depth, which is never 0.
    const bool bare = extradata.size() > 2 && extradata[2] != std::byte{0};
    if (!bare && reader.u32() != 0x01000000) return bad_config("VP9", "vpcC version is not 1");
    VideoFacts facts;
    facts.profile = reader.u8();
    facts.level = reader.u8();
    const std::uint32_t packed = reader.u8();
    facts.bit_depth = packed >> 4;
    static constexpr std::array<std::uint8_t, 8> kChroma{1, 1, 2, 3, 1, 1, 1, 1};
    facts.chroma_format = kChroma[packed >> 1 & 7];
    facts.full_range = (packed & 1) != 0;
    facts.colour_primaries = reader.u8();
    facts.transfer = reader.u8();
    facts.matrix = reader.u8();
    if (!reader.ok()) return bad_config("VP9", "vpcC is cut short");
    if (facts.profile > 3 ||
        (facts.bit_depth != 8 && facts.bit_depth != 10 && facts.bit_depth != 12)) {
        return bad_config("VP9", "profile or bit depth is not one of VP9");
    }
    return make_vp9_config(facts);
}

}  // namespace sg::formats
