#include <bit>

#include <fmt/format.h>

#include <formats/bit_reader.hpp>
#include <formats/byte_reader.hpp>

#include "bmff_movie.hpp"
#include "dolby_channels.hpp"
#include "hdr_payload.hpp"

namespace sg::formats {

namespace {

using Bytes = std::span<const std::byte>;

constexpr std::size_t kVisualFields = 78;
constexpr std::size_t kAudioFields = 28;

bool is_config_box(FourCc type) {
    switch (type) {
        case fourcc("avcC"):
        case fourcc("hvcC"):
        case fourcc("av1C"):
        case fourcc("vpcC"):
        case fourcc("esds"):
        case fourcc("dOps"):
        case fourcc("dac3"):
        case fourcc("dec3"):
        case fourcc("dfLa"):
            return true;
        default:
            return false;
    }
}

void parse_entry_boxes(Bytes bytes, TrackInfo& track, bool inside_wave) {
    Boxes boxes(bytes);
    Box box;
    while (boxes.next(box)) {
        if (is_config_box(box.type) && track.config_type == 0) {
            track.config_type = box.type;
            track.config.assign(box.payload.begin(), box.payload.end());
        } else if (box.type == fourcc("pasp")) {
            ByteReader reader(box.payload);
            const std::uint32_t num = reader.u32();
            const std::uint32_t den = reader.u32();
            if (reader.ok() && num != 0 && den != 0) track.sar_num = num, track.sar_den = den;
        } else if (box.type == fourcc("colr")) {
            ByteReader reader(box.payload);
            const FourCc kind = reader.u32();
            if (kind != fourcc("nclx") && kind != fourcc("nclc")) continue;
            NclxColour colour{reader.u16(), reader.u16(), reader.u16(), false};
            if (!reader.ok()) continue;
            if (kind == fourcc("nclx")) colour.full_range = (reader.u8() & 0x80) != 0;
            track.colour = colour;
        } else if (box.type == fourcc("mdcv")) {
            track.mastering = read_mastering(ByteReader(box.payload));
        } else if (box.type == fourcc("clli")) {
            track.content_light = read_content_light(ByteReader(box.payload));
        } else if (box.type == fourcc("wave") && !inside_wave) {
            parse_entry_boxes(box.payload, track, true);  // QuickTime keeps esds in it
        }
    }
}

void parse_visual_entry(Bytes payload, TrackInfo& track) {
    if (payload.size() < kVisualFields) return;
    ByteReader reader(payload);
    reader.skip(24);
    track.width = reader.u16();
    track.height = reader.u16();
    parse_entry_boxes(payload.subspan(kVisualFields), track, false);
}

/// Version 1 and 2 are QuickTime sound descriptions, with more fields.
void parse_audio_entry(Bytes payload, TrackInfo& track) {
    if (payload.size() < kAudioFields) return;
    ByteReader reader(payload);
    reader.skip(8);
    const std::uint16_t version = reader.u16();
    reader.skip(6);
    track.channels = reader.u16();
    reader.skip(6);
    track.sample_rate = reader.u32() >> 16;
    if (version == 1) {
        reader.skip(16);
    } else if (version == 2) {
        reader.skip(4);
        const double rate = std::bit_cast<double>(reader.u64());
        if (rate >= 1 && rate <= 1e6) track.sample_rate = static_cast<std::uint32_t>(rate);
        track.channels = reader.u32();
        reader.skip(20);
    }
    parse_entry_boxes(reader.rest(), track, false);
}

/// DecoderSpecificInfo and objectTypeIndication of an esds payload, ISO/IEC 14496-1 section 7.2.6.
struct EsDescriptor {
    std::uint32_t object_type = 0;
    Bytes specific;
};

std::uint32_t read_descriptor_length(ByteReader& reader) {
    std::uint32_t length = 0;
    for (int i = 0; i < 4; ++i) {
        const std::uint8_t byte = reader.u8();
        length = length << 7 | (byte & 127U);
        if (byte < 128) break;
    }
    return length;
}

EsDescriptor parse_esds(Bytes payload) {
    EsDescriptor descriptor;
    ByteReader reader(payload);
    reader.skip(4);
    while (reader.ok() && reader.left() >= 2) {
        const std::uint8_t tag = reader.u8();
        const std::uint32_t length = read_descriptor_length(reader);
        if (tag == 3) {
            reader.skip(2);
            const std::uint8_t flags = reader.u8();
            if ((flags & 0x80) != 0) reader.skip(2);
            if ((flags & 0x40) != 0) reader.skip(reader.u8());
            if ((flags & 0x20) != 0) reader.skip(2);
        } else if (tag == 4) {
            descriptor.object_type = reader.u8();
            reader.skip(12);
        } else if (tag == 5) {
            descriptor.specific = reader.bytes(length);
            break;
        } else {
            reader.skip(length);
        }
    }
    return descriptor;
}

Result<CodecConfig> config_of_esds(const TrackInfo& track) {
    const EsDescriptor descriptor = parse_esds(track.config);
    if (descriptor.object_type == 0x69 || descriptor.object_type == 0x6B) {
        CodecConfig config;
        config.codec = Codec::kMp3;
        config.codecs = fmt::format("mp4a.{:02x}", descriptor.object_type);
        config.audio.sample_rate = config.audio.core_sample_rate = track.sample_rate;
        config.audio.channels = track.channels;
        config.audio.samples_per_frame = track.sample_rate >= 32000 ? 1152 : 576;
        return config;
    }
    const bool mpeg2_aac = descriptor.object_type >= 0x66 && descriptor.object_type <= 0x68;
    if ((descriptor.object_type != 0x40 && !mpeg2_aac) || descriptor.specific.empty()) {
        return Error{
            Errc::kUnsupported,
            fmt::format("read sample entry: esds of object type 0x{:02x} is neither AAC nor MP3",
                        descriptor.object_type)};
    }
    return make_codec_config(Codec::kAac, descriptor.specific);
}

CodecConfig plain_audio(const TrackInfo& track, Codec codec, const char* codecs) {
    CodecConfig config;
    config.codec = codec;
    config.codecs = codecs;
    config.audio.sample_rate = config.audio.core_sample_rate = track.sample_rate;
    config.audio.channels = track.channels;
    return config;
}

/// acmod and lfeon; MP4's own channel count is always 2 for these codecs (ETSI TS 102 366 Annex F).
std::uint32_t dolby_channels(BitReader& bits) {
    const std::uint32_t mode = bits.u(3);
    return dolby_mode_channels(mode) + (bits.flag() ? 1U : 0U);
}

Result<CodecConfig> config_of_box(const TrackInfo& track) {
    const Bytes bytes = track.config;
    switch (track.config_type) {
        case fourcc("avcC"):
            return make_codec_config(Codec::kH264, bytes);
        case fourcc("hvcC"):
            return make_codec_config(Codec::kHevc, bytes);
        case fourcc("av1C"):
            return make_codec_config(Codec::kAv1, bytes);
        case fourcc("vpcC"):
            return make_codec_config(Codec::kVp9, bytes);
        case fourcc("esds"):
            return config_of_esds(track);
        case fourcc("dfLa"):
            if (bytes.size() < 8) break;
            return make_codec_config(Codec::kFlac, bytes.subspan(8));
        case fourcc("dOps"): {
            CodecConfig config = plain_audio(track, Codec::kOpus, "opus");
            ByteReader reader(bytes);
            reader.skip(1);
            config.audio.channels = reader.u8();
            config.audio.priming = reader.u16();
            config.audio.sample_rate = config.audio.core_sample_rate = 48000;
            if (!reader.ok()) break;
            return config;
        }
        case fourcc("dac3"): {
            CodecConfig config = plain_audio(track, Codec::kAc3, "ac-3");
            BitReader bits(bytes);
            bits.skip(2 + 5 + 3);  // fscod, bsid, bsmod
            config.audio.channels = dolby_channels(bits);
            if (!bits.ok()) break;
            return config;
        }
        case fourcc("dec3"): {
            CodecConfig config = plain_audio(track, Codec::kEac3, "ec-3");
            BitReader bits(bytes);
            bits.skip(13 + 3 + 2 + 5 + 1 + 1 + 3);  // rate and count; fscod to bsmod of the first
            config.audio.channels = dolby_channels(bits);
            bits.skip(3);
            // Dependent substreams add loudspeakers: chan_loc, ETSI TS 102 366 Annex F.6.
            if (bits.u(4) > 0) config.audio.channels += dolby_extra_channels(bits.u(9));
            if (!bits.ok()) break;
            return config;
        }
        default:
            return Error{Errc::kUnsupported,
                         fmt::format("read sample entry {}: its codec is not one that we package",
                                     fourcc_text(track.sample_entry))};
    }
    return Error{Errc::kBadData,
                 fmt::format("read sample entry {}: {} is cut short",
                             fourcc_text(track.sample_entry),
                             fourcc_text(track.config_type))};
}

/// What the bitstream says itself counts.
void take_colour(const TrackInfo& track, VideoFacts& facts) {
    const auto take = [](std::uint32_t& known, std::uint32_t told) {
        if (known == 2) known = told;
    };
    if (track.colour) {
        take(facts.colour_primaries, track.colour->primaries);
        take(facts.transfer, track.colour->transfer);
        take(facts.matrix, track.colour->matrix);
    }
    if (!facts.mastering) facts.mastering = track.mastering;
    if (!facts.content_light) facts.content_light = track.content_light;
}

}  // namespace

void parse_sample_description(Bytes stsd, TrackInfo& track) {
    ByteReader reader(stsd);
    reader.skip(4);
    track.sample_entries = reader.u32();
    Boxes boxes(reader.rest());
    Box entry;
    if (!boxes.next(entry)) return;
    track.sample_entry = entry.type;
    if (track.handler == fourcc("vide")) parse_visual_entry(entry.payload, track);
    if (track.handler == fourcc("soun")) parse_audio_entry(entry.payload, track);
}

Result<CodecConfig> codec_config_of(const TrackInfo& track) {
    SG_TRY_ASSIGN(CodecConfig config, config_of_box(track));
    config.box_type = track.config_type;
    if (config.payload.empty()) config.payload = track.config;
    // avc3, hev1 and their like keep their name: it says where parameter sets may be.
    config.sample_entry = track.sample_entry;
    if (is_video(config.codec)) take_colour(track, config.video);
    const bool has_nals = config.codec == Codec::kH264 || config.codec == Codec::kHevc;
    if (has_nals && config.codecs.size() > 4) {
        config.codecs.replace(0, 4, fourcc_text(track.sample_entry));
    }
    return config;
}

}  // namespace sg::formats
