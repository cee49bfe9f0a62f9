#include <fmt/format.h>

#include <formats/byte_writer.hpp>
#include <formats/flv.hpp>

#include "flv_enhanced.hpp"

namespace sg::formats {
namespace {

constexpr FourCc kAvc = fourcc("avc1");
constexpr FourCc kHevc = fourcc("hvc1");
constexpr FourCc kVvc = fourcc("vvc1");

/// FLV 10.1 E.4.3.1. kInfo carries a command, no picture.
enum FrameType : std::uint8_t {
    kKey = 1,
    kInter = 2,
    kDisposable = 3,
    kGeneratedKey = 4,
    kInfo = 5
};

const char* legacy_name(unsigned id) {
    switch (id) {
        case 1:
            return "JPEG";
        case 2:
            return "Sorenson H.263";
        case 3:
            return "Screen Video";
        case 4:
            return "VP6";
        case 5:
            return "VP6 with alpha";
        case 6:
            return "Screen Video 2";
        default:
            return "unknown";
    }
}

bool known(FourCc codec) {
    return codec == kAvc || codec == kHevc || codec == kVvc || codec == fourcc("av01") ||
           codec == fourcc("vp09") || codec == fourcc("vp08");
}

bool has_composition(FourCc codec) {
    return codec == kAvc || codec == kHevc || codec == kVvc;
}

std::int32_t signed24(std::uint32_t value) {
    return static_cast<std::int32_t>(value << 8) >> 8;
}

Error cut_short() {
    return Error{Errc::kBadData, "a video tag ends inside its header"};
}

Status read_legacy(ByteReader& reader, std::uint8_t first, std::vector<FlvPacket>& packets) {
    const std::uint8_t frame = first >> 4;
    const unsigned id = first & 15U;
    // 12 is what encoders used for HEVC before Enhanced RTMP.
    if (id != 7 && id != 12) {
        return Error{Errc::kUnsupported,
                     fmt::format("the video codec {} (FLV codec id {}) is not supported; set the "
                                 "encoder to H.264",
                                 legacy_name(id),
                                 id)};
    }
    const std::uint8_t type = reader.u8();
    const std::int32_t composition = signed24(reader.u24());
    if (!reader.ok()) return cut_short();
    if (type > 2) {
        return Error{Errc::kBadData,
                     fmt::format("a video tag has the unknown packet type {}", type)};
    }
    FlvPacket packet;
    packet.codec = id == 7 ? kAvc : kHevc;
    packet.type = type == 0   ? FlvPacketType::kSequenceStart
                  : type == 1 ? FlvPacketType::kFrames
                              : FlvPacketType::kSequenceEnd;
    packet.key = frame == kKey || frame == kGeneratedKey;
    packet.disposable = frame == kDisposable;
    packet.composition = type == 1 ? composition : 0;
    packet.data = reader.rest();
    if (packet.data.empty() && packet.type != FlvPacketType::kSequenceEnd) return {};
    packets.push_back(packet);
    return {};
}

Result<FlvPacketType> packet_type(std::uint8_t type) {
    switch (type) {
        case flv::kVideoSequenceStart:
            return FlvPacketType::kSequenceStart;
        case flv::kVideoCodedFrames:
        case flv::kVideoCodedFramesX:
            return FlvPacketType::kFrames;
        case flv::kVideoSequenceEnd:
            return FlvPacketType::kSequenceEnd;
        case flv::kVideoMetadata:
            return FlvPacketType::kMetadata;
        case flv::kVideoMpeg2TsSequenceStart:
            return FlvPacketType::kMpeg2TsSequenceStart;
        default:
            return Error{
                Errc::kUnsupported,
                fmt::format("an Enhanced RTMP video tag has the unknown packet type {}", type)};
    }
}

Status read_enhanced(ByteReader& reader, std::uint8_t first, std::vector<FlvPacket>& packets) {
    const std::uint8_t frame = first >> 4 & 7;
    FlvPacket common;
    common.key = frame == kKey || frame == kGeneratedKey;
    common.disposable = frame == kDisposable;
    SG_TRY_ASSIGN(const std::uint8_t type,
                  flv::read_modex(reader, first & 15, flv::kVideoModEx, common.nanoseconds));
    if (type != flv::kVideoMetadata && frame == kInfo) return {};
    SG_TRY_ASSIGN(const flv::Head head, flv::read_head(reader, type, flv::kVideoMultitrack));
    SG_TRY_ASSIGN(common.type, packet_type(head.packet_type));
    do {
        SG_TRY_ASSIGN(const flv::Track track, flv::read_track(reader, head));
        if (!known(track.codec)) {
            return Error{Errc::kUnsupported,
                         fmt::format("the video codec '{}' is not supported; use H.264, HEVC, AV1 "
                                     "or VP9",
                                     fourcc_text(track.codec))};
        }
        FlvPacket packet = common;
        packet.codec = track.codec;
        packet.track = track.id;
        ByteReader body(track.body);
        if (head.packet_type == flv::kVideoCodedFrames && has_composition(track.codec)) {
            packet.composition = signed24(body.u24());
            if (!body.ok()) return cut_short();
        }
        packet.data = body.rest();
        packets.push_back(packet);
    } while (reader.left() > 0);
    return {};
}

std::uint8_t enhanced_type(const FlvPacket& packet) {
    switch (packet.type) {
        case FlvPacketType::kSequenceStart:
            return flv::kVideoSequenceStart;
        case FlvPacketType::kSequenceEnd:
            return flv::kVideoSequenceEnd;
        case FlvPacketType::kMetadata:
            return flv::kVideoMetadata;
        case FlvPacketType::kMpeg2TsSequenceStart:
            return flv::kVideoMpeg2TsSequenceStart;
        default:
            break;
    }
    return has_composition(packet.codec) && packet.composition == 0 ? flv::kVideoCodedFramesX
                                                                    : flv::kVideoCodedFrames;
}

}  // namespace

Status read_flv_video(std::span<const std::byte> body, std::vector<FlvPacket>& packets) {
    packets.clear();
    if (body.empty()) return {};
    ByteReader reader(body);
    const std::uint8_t first = reader.u8();
    if (first & 0x80) return read_enhanced(reader, first, packets);
    if (first >> 4 == kInfo) return {};
    return read_legacy(reader, first, packets);
}

void write_flv_video_header(const FlvPacket& packet, std::vector<std::byte>& out) {
    ByteWriter writer(out);
    const bool frames = packet.type == FlvPacketType::kFrames;
    // Sequence headers and ends are sent as key frames by everyone (FLV 10.1 E.4.3.1).
    const FrameType type_of_frame = packet.key || !frames ? kKey
                                    : packet.disposable   ? kDisposable
                                                          : kInter;
    const std::uint32_t frame = type_of_frame;
    const auto composition = static_cast<std::uint32_t>(packet.composition) & 0xffffff;
    const bool legacy_type = packet.type == FlvPacketType::kSequenceStart ||
                             packet.type == FlvPacketType::kFrames ||
                             packet.type == FlvPacketType::kSequenceEnd;
    if (packet.codec == kAvc && packet.track == 0 && legacy_type) {
        writer.u8(frame << 4 | 7);
        writer.u8(packet.type == FlvPacketType::kSequenceStart ? 0 : frames ? 1 : 2);
        writer.u24(frames ? composition : 0);
        return;
    }
    const std::uint8_t type = enhanced_type(packet);
    const std::uint32_t head = 0x80 | frame << 4;
    if (packet.track == 0) {
        writer.u8(head | type);
        writer.u32(packet.codec);
    } else {
        writer.u8(head | flv::kVideoMultitrack);
        writer.u8(flv::kOneTrack << 4 | type);
        writer.u32(packet.codec);
        writer.u8(packet.track);
    }
    if (type == flv::kVideoCodedFrames && has_composition(packet.codec)) writer.u24(composition);
}

}  // namespace sg::formats
