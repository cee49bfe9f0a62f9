#include "ts_audio_frames.hpp"

#include <algorithm>
#include <array>

#include <formats/adts.hpp>
#include <formats/bit_reader.hpp>
#include <formats/byte_reader.hpp>
#include <formats/latm.hpp>

namespace sg::formats::ts {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::size_t kMaxOpusPacket = 61'440;
constexpr std::size_t kMaxDolbyGroup = 128U << 10;
constexpr std::array<std::uint32_t, 3> kDolbyRates{48000, 44100, 32000};

unsigned u8(Bytes bytes, std::size_t at) {
    return std::to_integer<unsigned>(bytes[at]);
}

FrameLook look_at_adts(Bytes bytes, AudioFrame& frame) {
    if (u8(bytes, 0) != 0xff) return FrameLook::kNone;
    if (bytes.size() < 7) return FrameLook::kMore;
    const auto header = parse_adts_header(bytes);
    if (!header) return FrameLook::kNone;
    frame.bytes = header->frame_bytes;
    frame.samples = header->blocks * 1024;
    frame.sample_rate = header->sample_rate;
    return FrameLook::kFrame;
}

FrameLook look_at_latm(Bytes bytes, AudioFrame& frame) {
    if (u8(bytes, 0) != 0x56) return FrameLook::kNone;
    if (bytes.size() < LatmReader::kSyncBytes) return FrameLook::kMore;
    const std::size_t element = LatmReader::element_bytes(bytes);
    if (element == 0) return FrameLook::kNone;
    frame.header_bytes = LatmReader::kSyncBytes;
    frame.bytes = LatmReader::kSyncBytes + element;
    return FrameLook::kFrame;
}

/// ISO/IEC 11172-3 section 2.4.2.3 and 13818-3, MPEG-2.5 as is usual.
FrameLook look_at_mpeg(Bytes bytes, AudioFrame& frame) {
    static constexpr std::array<std::array<std::uint16_t, 15>, 5> kKbits{
        {{0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448},
         {0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384},
         {0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320},
         {0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256},
         {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160}}};
    static constexpr std::array<std::uint32_t, 3> kRates{44100, 48000, 32000};
    if (u8(bytes, 0) != 0xff) return FrameLook::kNone;
    if (bytes.size() < 4) return FrameLook::kMore;
    const unsigned version = u8(bytes, 1) >> 3 & 3;  // 3: MPEG-1, 2: MPEG-2, 0: MPEG-2.5
    const unsigned layer = 4 - (u8(bytes, 1) >> 1 & 3);
    const unsigned bitrate = u8(bytes, 2) >> 4;
    const unsigned rate = u8(bytes, 2) >> 2 & 3;
    const unsigned padding = u8(bytes, 2) >> 1 & 1;
    if ((u8(bytes, 1) & 0xe0) != 0xe0 || version == 1 || layer == 4 || bitrate == 0 ||
        bitrate == 15 || rate == 3)
        return FrameLook::kNone;
    const bool first = version == 3;
    const unsigned table = first ? layer - 1 : layer == 1 ? 3 : 4;
    const std::uint32_t bits = kKbits[table][bitrate] * 1000U;
    frame.sample_rate = kRates[rate] >> (first ? 0 : version == 2 ? 1 : 2);
    frame.samples = layer == 1 ? 384 : layer == 3 && !first ? 576 : 1152;
    frame.bytes = layer == 1 ? (12 * bits / frame.sample_rate + padding) * 4
                             : frame.samples / 8 * bits / frame.sample_rate + padding;
    return FrameLook::kFrame;
}

struct DolbyHeader {
    std::size_t bytes = 0;
    std::uint32_t rate = 0;
    std::uint32_t blocks = 6;
    bool enhanced = false;
    bool main = true;  ///< of the first independent substream
};

/// ETSI TS 102 366 sections 4.3.1, 4.4.1 and E.1.2.
FrameLook look_at_dolby_header(Bytes bytes, DolbyHeader& header) {
    static constexpr std::array<std::uint16_t, 19> kKbits{
        32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640};
    static constexpr std::array<std::uint32_t, 4> kBlocks{1, 2, 3, 6};
    if (u8(bytes, 0) != 0x0b || (bytes.size() > 1 && u8(bytes, 1) != 0x77)) return FrameLook::kNone;
    if (bytes.size() < 6) return FrameLook::kMore;
    const unsigned version = u8(bytes, 5) >> 3;
    if (version > 16 || version == 9 || version == 10) return FrameLook::kNone;
    const unsigned rate_code = u8(bytes, 4) >> 6;
    if (version <= 8) {
        const unsigned size_code = u8(bytes, 4) & 0x3f;
        if (rate_code == 3 || size_code >= 38) return FrameLook::kNone;
        header.rate = kDolbyRates[rate_code];
        const std::uint32_t bits = kKbits[size_code / 2] * 1000U;
        // 44.1 kHz does not divide: the odd codes are one word longer.
        header.bytes = 2 * (bits * 96 / header.rate + (rate_code == 1 ? size_code & 1 : 0));
        return FrameLook::kFrame;
    }
    BitReader bits(bytes.subspan(2));
    header.enhanced = true;
    const std::uint32_t type = bits.u(2);
    header.main = type != 1 && bits.u(3) == 0;
    if (type == 1) bits.skip(3);
    header.bytes = (bits.u(11) + 1) * 2;
    const unsigned half = u8(bytes, 4) >> 4 & 3;
    if (type == 3 || (rate_code == 3 && half == 3)) return FrameLook::kNone;
    header.rate = rate_code == 3 ? kDolbyRates[half] / 2 : kDolbyRates[rate_code];
    header.blocks = rate_code == 3 ? 6 : kBlocks[half];
    return header.bytes < 6 ? FrameLook::kNone : FrameLook::kFrame;
}

/// An E-AC-3 access unit is six blocks of the first substream with all that stands beside them.
FrameLook look_at_dolby(Bytes bytes, bool last, AudioFrame& frame) {
    DolbyHeader header;
    FrameLook look = look_at_dolby_header(bytes, header);
    if (look != FrameLook::kFrame || !header.main)
        return look == FrameLook::kFrame ? FrameLook::kNone : look;
    frame.sample_rate = header.rate;
    frame.bytes = header.bytes;
    frame.samples = header.blocks * 256;
    if (!header.enhanced) return FrameLook::kFrame;
    while (true) {
        if (frame.bytes > kMaxDolbyGroup) return FrameLook::kNone;
        // With no more bytes to come, what is there is all.
        if (frame.bytes >= bytes.size())
            return last && frame.samples >= 1536 ? FrameLook::kFrame : FrameLook::kMore;
        DolbyHeader next;
        look = look_at_dolby_header(bytes.subspan(frame.bytes), next);
        if (look == FrameLook::kMore) return last ? FrameLook::kFrame : FrameLook::kMore;
        if (look == FrameLook::kNone || !next.enhanced) return FrameLook::kFrame;
        if (next.main && frame.samples >= 1536) return FrameLook::kFrame;
        if (next.main) frame.samples += next.blocks * 256;
        frame.bytes += next.bytes;
    }
}

/// Samples at 48 kHz that a packet decodes to, RFC 6716 section 3.1; 0 when it has none.
std::uint32_t opus_samples(Bytes packet) {
    if (packet.empty()) return 0;
    const unsigned toc = u8(packet, 0);
    const unsigned config = toc >> 3;
    std::uint32_t size = 0;
    if (config < 12) {
        static constexpr std::array<std::uint32_t, 4> kSilk{480, 960, 1920, 2880};
        size = kSilk[config & 3];
    } else if (config < 16) {
        size = (config & 1) != 0 ? 960 : 480;
    } else {
        size = 120U << (config & 3);
    }
    const unsigned code = toc & 3;
    if (code == 0) return size;
    if (code < 3) return 2 * size;
    if (packet.size() < 2) return 0;
    const std::uint32_t samples = (u8(packet, 1) & 0x3f) * size;
    return samples <= 5760 ? samples : 0;
}

/// Control header of the Opus mapping to transport streams (opus_control_header).
FrameLook look_at_opus(Bytes bytes, AudioFrame& frame) {
    if (u8(bytes, 0) != 0x7f) return FrameLook::kNone;
    if (bytes.size() < 2) return FrameLook::kMore;
    const unsigned flags = u8(bytes, 1);
    if ((flags & 0xe0) != 0xe0) return FrameLook::kNone;
    ByteReader from(bytes.subspan(2));
    std::size_t size = 0;
    unsigned part = 255;
    while (part == 255 && from.left() > 0) {
        part = from.u8();
        size += part;
        if (size > kMaxOpusPacket) return FrameLook::kNone;
    }
    if (part == 255) return FrameLook::kMore;
    if ((flags & 0x10) != 0) frame.trim_start = from.u16() & 0x1fffU;
    if ((flags & 0x08) != 0) frame.trim_end = from.u16() & 0x1fffU;
    if ((flags & 0x04) != 0) from.skip(from.u8());
    if (!from.ok()) return FrameLook::kMore;
    if (size == 0) return FrameLook::kNone;
    const Bytes packet = from.rest().first(std::min(size, from.left()));
    if (packet.size() < std::min<std::size_t>(size, 2)) return FrameLook::kMore;
    frame.header_bytes = 2 + from.position();
    frame.bytes = frame.header_bytes + size;
    frame.sample_rate = 48000;
    frame.samples = opus_samples(packet);
    return frame.samples > 0 ? FrameLook::kFrame : FrameLook::kNone;
}

}  // namespace

FrameLook look_at_frame(TrackFormat format, Bytes bytes, bool last, AudioFrame& frame) {
    if (bytes.empty()) return FrameLook::kMore;
    frame = {};
    switch (format) {
        case TrackFormat::kAac:
            return look_at_adts(bytes, frame);
        case TrackFormat::kAacLatm:
            return look_at_latm(bytes, frame);
        case TrackFormat::kMpegAudio:
            return look_at_mpeg(bytes, frame);
        case TrackFormat::kAc3:
        case TrackFormat::kEac3:
            return look_at_dolby(bytes, last, frame);
        case TrackFormat::kOpus:
            return look_at_opus(bytes, frame);
        default:
            return FrameLook::kNone;
    }
}

}  // namespace sg::formats::ts
