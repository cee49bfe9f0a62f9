#include <bit>

#include <fmt/format.h>

#include <formats/byte_writer.hpp>
#include <formats/flv.hpp>

#include "flv_enhanced.hpp"

namespace sg::formats {
namespace {

constexpr FourCc kAac = fourcc("mp4a");
constexpr FourCc kMp3 = fourcc(".mp3");

/// FLV 10.1 E.4.2.1.
enum SoundFormat : unsigned {
    kSoundMp3 = 2,
    kSoundEnhanced = 9,
    kSoundAac = 10,
    kSoundMp3At8k = 14
};

const char* legacy_name(unsigned format) {
    switch (format) {
        case 0:
        case 3:
            return "PCM";
        case 1:
            return "ADPCM";
        case 4:
        case 5:
        case 6:
            return "Nellymoser";
        case 7:
        case 8:
            return "G.711";
        case 11:
            return "Speex";
        default:
            return "unknown";
    }
}

bool known(FourCc codec) {
    return codec == kAac || codec == kMp3 || codec == fourcc("Opus") || codec == fourcc("fLaC") ||
           codec == fourcc("ac-3") || codec == fourcc("ec-3");
}

Error cut_short() {
    return Error{Errc::kBadData, "an audio tag ends inside its header"};
}

Status read_legacy(ByteReader& reader, unsigned format, std::vector<FlvPacket>& packets) {
    FlvPacket packet;
    if (format == kSoundAac) {
        packet.codec = kAac;
        const std::uint8_t type = reader.u8();
        if (!reader.ok()) return cut_short();
        if (type > 1) {
            return Error{Errc::kBadData,
                         fmt::format("an AAC tag has the unknown packet type {}", type)};
        }
        packet.type = type == 0 ? FlvPacketType::kSequenceStart : FlvPacketType::kFrames;
    } else if (format == kSoundMp3 || format == kSoundMp3At8k) {
        packet.codec = kMp3;
    } else {
        return Error{Errc::kUnsupported,
                     fmt::format("the audio codec {} (FLV sound format {}) is not supported; set "
                                 "the encoder to AAC",
                                 legacy_name(format),
                                 format)};
    }
    packet.data = reader.rest();
    if (!packet.data.empty()) packets.push_back(packet);
    return {};
}

Result<FlvPacketType> packet_type(std::uint8_t type) {
    switch (type) {
        case flv::kAudioSequenceStart:
            return FlvPacketType::kSequenceStart;
        case flv::kAudioCodedFrames:
            return FlvPacketType::kFrames;
        case flv::kAudioSequenceEnd:
            return FlvPacketType::kSequenceEnd;
        case flv::kAudioMultichannelConfig:
            return FlvPacketType::kMultichannelConfig;
        default:
            return Error{
                Errc::kUnsupported,
                fmt::format("an Enhanced RTMP audio tag has the unknown packet type {}", type)};
    }
}

Status read_enhanced(ByteReader& reader, std::uint8_t first, std::vector<FlvPacket>& packets) {
    FlvPacket common;
    SG_TRY_ASSIGN(const std::uint8_t type,
                  flv::read_modex(reader, first & 15, flv::kAudioModEx, common.nanoseconds));
    SG_TRY_ASSIGN(const flv::Head head, flv::read_head(reader, type, flv::kAudioMultitrack));
    SG_TRY_ASSIGN(common.type, packet_type(head.packet_type));
    do {
        SG_TRY_ASSIGN(const flv::Track track, flv::read_track(reader, head));
        if (!known(track.codec)) {
            return Error{Errc::kUnsupported,
                         fmt::format("the audio codec '{}' is not supported; use AAC, Opus, AC-3, "
                                     "E-AC-3, FLAC or MP3",
                                     fourcc_text(track.codec))};
        }
        FlvPacket packet = common;
        packet.codec = track.codec;
        packet.track = track.id;
        packet.data = track.body;
        packets.push_back(packet);
    } while (reader.left() > 0);
    return {};
}

std::uint8_t enhanced_type(FlvPacketType type) {
    switch (type) {
        case FlvPacketType::kSequenceStart:
            return flv::kAudioSequenceStart;
        case FlvPacketType::kSequenceEnd:
            return flv::kAudioSequenceEnd;
        case FlvPacketType::kMultichannelConfig:
            return flv::kAudioMultichannelConfig;
        default:
            return flv::kAudioCodedFrames;
    }
}

}  // namespace

Status read_flv_audio(std::span<const std::byte> body, std::vector<FlvPacket>& packets) {
    packets.clear();
    if (body.empty()) return {};
    ByteReader reader(body);
    const std::uint8_t first = reader.u8();
    const unsigned format = first >> 4;
    if (format == kSoundEnhanced) return read_enhanced(reader, first, packets);
    return read_legacy(reader, format, packets);
}

void write_flv_audio_header(const FlvPacket& packet, std::vector<std::byte>& out) {
    ByteWriter writer(out);
    const bool start = packet.type == FlvPacketType::kSequenceStart;
    const bool frames = packet.type == FlvPacketType::kFrames;
    // 44 kHz, 16 bit, stereo: what AAC has to say there whatever it is (E.4.2.1), and what MP3
    // decoders do not look at.
    constexpr std::uint32_t kNominal = 0x0f;
    if (packet.track == 0 && packet.codec == kAac && (start || frames)) {
        writer.u8(kSoundAac << 4 | kNominal);
        writer.u8(start ? 0 : 1);
    } else if (packet.track == 0 && packet.codec == kMp3 && frames) {
        writer.u8(kSoundMp3 << 4 | kNominal);
    } else if (packet.track == 0) {
        writer.u8(kSoundEnhanced << 4 | enhanced_type(packet.type));
        writer.u32(packet.codec);
    } else {
        writer.u8(kSoundEnhanced << 4 | flv::kAudioMultitrack);
        writer.u8(flv::kOneTrack << 4 | enhanced_type(packet.type));
        writer.u32(packet.codec);
        writer.u8(packet.track);
    }
}

Result<FlvChannels> read_flv_channels(std::span<const std::byte> data) {
    constexpr std::uint8_t kNativeOrder = 1;
    ByteReader reader(data);
    const std::uint8_t order = reader.u8();
    FlvChannels channels;
    channels.count = reader.u8();
    if (order == kNativeOrder) channels.mask = reader.u32();
    if (!reader.ok()) return cut_short();
    if (channels.mask != 0 && std::popcount(channels.mask) != channels.count) {
        return Error{Errc::kBadData,
                     fmt::format("a multichannel configuration names {} speakers for {} channels",
                                 std::popcount(channels.mask),
                                 channels.count)};
    }
    return channels;
}

}  // namespace sg::formats
