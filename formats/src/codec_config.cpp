#include <fmt/format.h>

#include <formats/audio_headers.hpp>
#include <formats/bit_reader.hpp>
#include <formats/byte_reader.hpp>
#include <formats/byte_writer.hpp>
#include <formats/codec_config.hpp>

#include "codec_config_makers.hpp"

namespace sg::formats {

namespace {

constexpr std::uint32_t kOtiAac = 0x40;
constexpr std::uint32_t kOtiMp3Mpeg2 = 0x69;
constexpr std::uint32_t kOtiMp3Mpeg1 = 0x6B;
constexpr std::size_t kMaxSpecificConfig = 4096;
constexpr std::size_t kStreamInfoBytes = 34;

Error bad_config(const char* codec, const char* why) {
    return Error{Errc::kBadData, fmt::format("read {} configuration: {}", codec, why)};
}

void write_descriptor(ByteWriter& writer, std::uint32_t tag, std::size_t size) {
    writer.u8(tag);
    // Four length bytes always: the expandable form that every reader takes.
    writer.u8(0x80 | static_cast<std::uint32_t>(size >> 21 & 127));
    writer.u8(0x80 | static_cast<std::uint32_t>(size >> 14 & 127));
    writer.u8(0x80 | static_cast<std::uint32_t>(size >> 7 & 127));
    writer.u8(static_cast<std::uint32_t>(size & 127));
}

/// ES_Descriptor in an esds box, ISO/IEC 14496-1 section 7.2.6 and 14496-14 section 6.7.
std::vector<std::byte> make_esds(std::uint32_t object_type, std::span<const std::byte> specific) {
    constexpr std::size_t kHeader = 5;
    const std::size_t specific_size = specific.empty() ? 0 : kHeader + specific.size();
    std::vector<std::byte> payload;
    ByteWriter writer(payload);
    writer.u32(0);
    write_descriptor(writer, 3, 3 + kHeader + 13 + specific_size + kHeader + 1);
    writer.u16(0);
    writer.u8(0);
    write_descriptor(writer, 4, 13 + specific_size);
    writer.u8(object_type);
    writer.u8(0x15);  // audio stream
    writer.u24(0);
    writer.u32(0);
    writer.u32(0);
    if (!specific.empty()) {
        write_descriptor(writer, 5, specific.size());
        writer.bytes(specific);
    }
    write_descriptor(writer, 6, 1);
    writer.u8(2);
    return payload;
}

Result<CodecConfig> make_aac_config(std::span<const std::byte> extradata) {
    if (extradata.size() > kMaxSpecificConfig) return bad_config("AAC", "it is too long");
    CodecConfig config;
    SG_TRY_ASSIGN(config.audio, parse_audio_specific_config(extradata));
    config.sample_entry = fourcc("mp4a");
    config.box_type = fourcc("esds");
    config.payload = make_esds(kOtiAac, extradata);
    config.codecs = fmt::format("mp4a.40.{}", config.audio.object_type);
    return config;
}

Result<CodecConfig> make_mp3_config(std::span<const std::byte> extradata) {
    CodecConfig config;
    SG_TRY_ASSIGN(config.audio, parse_mp3_frame(extradata));
    const std::uint32_t type = config.audio.sample_rate >= 32000 ? kOtiMp3Mpeg1 : kOtiMp3Mpeg2;
    config.sample_entry = fourcc("mp4a");
    config.box_type = fourcc("esds");
    config.payload = make_esds(type, {});
    config.codecs = fmt::format("mp4a.{:02x}", type);
    return config;
}

/// OpusHead is little-endian, dOps (Opus in ISO-BMFF section 4.3.2) big-endian; otherwise they hold
/// the same.
Result<CodecConfig> make_opus_config(std::span<const std::byte> extradata) {
    static constexpr std::string_view kMagic = "OpusHead";
    const auto at = [&](std::size_t i) { return std::to_integer<std::uint32_t>(extradata[i]); };
    if (extradata.size() < 19) return bad_config("Opus", "OpusHead is cut short");
    for (std::size_t i = 0; i < kMagic.size(); ++i) {
        if (at(i) != static_cast<unsigned char>(kMagic[i])) {
            return bad_config("Opus", "it does not start with OpusHead");
        }
    }
    const std::uint32_t channels = at(9);
    const std::uint32_t family = at(18);
    if ((at(8) & 0xF0) != 0 || channels == 0) return bad_config("Opus", "unknown version");
    if (family == 0 && channels > 2) return bad_config("Opus", "family 0 with over two channels");
    if (family != 0 && extradata.size() < 21 + channels) {
        return bad_config("Opus", "the channel mapping is cut short");
    }
    CodecConfig config;
    ByteWriter writer(config.payload);
    const std::uint32_t pre_skip = at(10) | at(11) << 8;
    writer.u8(0);
    writer.u8(channels);
    writer.u16(pre_skip);
    writer.u32(at(12) | at(13) << 8 | at(14) << 16 | at(15) << 24);
    writer.u16(at(16) | at(17) << 8);
    writer.u8(family);
    if (family != 0) writer.bytes(extradata.subspan(19, 2 + channels));
    config.sample_entry = fourcc("Opus");
    config.box_type = fourcc("dOps");
    config.codecs = "opus";
    config.audio.sample_rate = config.audio.core_sample_rate = 48000;
    config.audio.channels = channels;
    config.audio.priming = pre_skip;
    return config;
}

/// FLAC in ISO-BMFF section 3.3.2: metadata blocks as in the native format; STREAMINFO is all a
/// decoder needs.
Result<CodecConfig> make_flac_config(std::span<const std::byte> extradata) {
    std::span<const std::byte> info = extradata;
    if (extradata.size() >= 8 + kStreamInfoBytes && ByteReader(extradata).u32() == fourcc("fLaC")) {
        info = extradata.subspan(8);
    }
    if (info.size() < kStreamInfoBytes) return bad_config("FLAC", "STREAMINFO is cut short");
    info = info.first(kStreamInfoBytes);
    BitReader bits(info);
    bits.skip(16);
    const std::uint32_t largest_block = bits.u(16);
    bits.skip(48);
    CodecConfig config;
    config.audio.sample_rate = config.audio.core_sample_rate = bits.u(20);
    config.audio.channels = bits.u(3) + 1;
    config.audio.bits_per_sample = bits.u(5) + 1;
    config.audio.samples_per_frame = largest_block;
    if (config.audio.sample_rate == 0) return bad_config("FLAC", "its sample rate is zero");
    ByteWriter writer(config.payload);
    writer.u32(0);
    writer.u8(0x80);  // the last metadata block, of type STREAMINFO
    writer.u24(kStreamInfoBytes);
    writer.bytes(info);
    config.sample_entry = fourcc("fLaC");
    config.box_type = fourcc("dfLa");
    config.codecs = "flac";
    return config;
}

Result<CodecConfig> make_ac3_config(std::span<const std::byte> extradata) {
    CodecConfig config;
    SG_TRY_ASSIGN(config.audio, parse_ac3_frame(extradata, config.payload));
    config.sample_entry = fourcc("ac-3");
    config.box_type = fourcc("dac3");
    config.codecs = "ac-3";
    return config;
}

Result<CodecConfig> make_eac3_config(std::span<const std::byte> extradata) {
    CodecConfig config;
    SG_TRY_ASSIGN(config.audio, parse_eac3_frame(extradata, config.payload));
    config.sample_entry = fourcc("ec-3");
    config.box_type = fourcc("dec3");
    config.codecs = "ec-3";
    return config;
}

Result<CodecConfig> make(Codec codec, std::span<const std::byte> extradata) {
    switch (codec) {
        case Codec::kH264:
            return make_h264_config(extradata);
        case Codec::kHevc:
            return make_hevc_config(extradata);
        case Codec::kAv1:
            return make_av1_config(extradata);
        case Codec::kVp9:
            return make_vp9_config_from(extradata);
        case Codec::kAac:
            return make_aac_config(extradata);
        case Codec::kOpus:
            return make_opus_config(extradata);
        case Codec::kAc3:
            return make_ac3_config(extradata);
        case Codec::kEac3:
            return make_eac3_config(extradata);
        case Codec::kFlac:
            return make_flac_config(extradata);
        case Codec::kMp3:
            return make_mp3_config(extradata);
    }
    return Error{Errc::kInternal, "make codec configuration: unknown codec"};
}

}  // namespace

bool is_video(Codec codec) {
    return codec == Codec::kH264 || codec == Codec::kHevc || codec == Codec::kAv1 ||
           codec == Codec::kVp9;
}

const char* codec_name(Codec codec) {
    switch (codec) {
        case Codec::kH264:
            return "H.264";
        case Codec::kHevc:
            return "HEVC";
        case Codec::kAv1:
            return "AV1";
        case Codec::kVp9:
            return "VP9";
        case Codec::kAac:
            return "AAC";
        case Codec::kOpus:
            return "Opus";
        case Codec::kAc3:
            return "AC-3";
        case Codec::kEac3:
            return "E-AC-3";
        case Codec::kFlac:
            return "FLAC";
        case Codec::kMp3:
            return "MP3";
    }
    return "unknown codec";
}

Result<CodecConfig> make_codec_config(Codec codec, std::span<const std::byte> extradata) {
    Result<CodecConfig> config = make(codec, extradata);
    if (config) config->codec = codec;
    return config;
}

void keep_priming(CodecConfig& config) {
    // Encapsulation of Opus in ISO-BMFF section 4.3.2: PreSkip follows version and channel count.
    constexpr std::size_t kPreSkip = 2;
    if (config.codec != Codec::kOpus || config.payload.size() < kPreSkip + 2) return;
    config.payload[kPreSkip] = config.payload[kPreSkip + 1] = std::byte{0};
    config.audio.priming = 0;
}

}  // namespace sg::formats
