#include <algorithm>
#include <limits>

#include <formats/av1.hpp>
#include <formats/byte_reader.hpp>
#include <formats/hdr_metadata.hpp>

#include "hdr_payload.hpp"

namespace sg::formats {

namespace {

using Bytes = std::span<const std::byte>;

constexpr unsigned kH264Sei = 6;
constexpr unsigned kHevcPrefixSei = 39;
constexpr std::uint32_t kMasteringDisplay = 137;
constexpr std::uint32_t kContentLight = 144;
constexpr std::uint8_t kObuContentLight = 1;
constexpr std::uint8_t kObuMasteringDisplay = 2;

template <class T>
void take(const std::optional<T>& read, std::optional<T>& known) {
    if (read) known = read;
}

/// payloadType and payloadSize: any number of 0xff, then the rest.
std::uint32_t read_sei_number(ByteReader& reader) {
    std::uint32_t value = 0;
    while (true) {
        const std::uint8_t byte = reader.u8();
        value += byte;
        if (byte != 0xff || !reader.ok()) return value;
    }
}

/// `value` of 2^-bits in units of 1/`per`.
std::uint32_t fixed_point(std::uint32_t value, unsigned bits, std::uint64_t per) {
    const std::uint64_t scaled = (value * per + (std::uint64_t{1} << (bits - 1))) >> bits;
    return static_cast<std::uint32_t>(
        std::min<std::uint64_t>(scaled, std::numeric_limits<std::uint32_t>::max()));
}

/// AV1 specification section 6.7.4: 0.16, 24.8 and 18.14 fixed point; red, green, blue.
void read_obu_mastering(ByteReader reader, VideoFacts& facts) {
    const auto chromaticity = [&reader] {
        return static_cast<std::uint16_t>(fixed_point(reader.u16(), 16, 50'000));
    };
    MasteringDisplay display;
    for (const std::size_t to : {2U, 0U, 1U}) {
        display.primaries[to].x = chromaticity();
        display.primaries[to].y = chromaticity();
    }
    display.white.x = chromaticity();
    display.white.y = chromaticity();
    display.max_luminance = fixed_point(reader.u32(), 8, 10'000);
    display.min_luminance = fixed_point(reader.u32(), 14, 10'000);
    if (reader.ok()) facts.mastering = display;
}

void read_hdr_obus(Bytes unit, VideoFacts& facts) {
    Obus obus(unit);
    Obu obu;
    while (obus.next(obu) && obu.type != kObuFrame && obu.type != kObuFrameHeader) {
        if (obu.type != kObuMetadata || obu.payload.empty()) continue;
        // The types that count here are one byte of leb128.
        const auto type = std::to_integer<std::uint8_t>(obu.payload[0]);
        const ByteReader body(obu.payload.subspan(1));
        if (type == kObuContentLight) take(read_content_light(body), facts.content_light);
        if (type == kObuMasteringDisplay) read_obu_mastering(body, facts);
    }
}

template <class Nals>
void read_hdr_nals(NalCodec codec, Nals nals, VideoFacts& facts) {
    Bytes nal;
    while (nals.next(nal)) {
        const unsigned type = codec == NalCodec::kH264 ? h264_nal_type(nal) : hevc_nal_type(nal);
        const bool slice = codec == NalCodec::kH264 ? type >= 1 && type <= 5 : type < 32;
        if (slice) return;
        if (type == (codec == NalCodec::kH264 ? kH264Sei : kHevcPrefixSei))
            read_hdr_sei(codec, nal, facts);
    }
}

}  // namespace

void read_hdr_sei(NalCodec codec, Bytes nal, VideoFacts& facts) {
    const std::size_t header = codec == NalCodec::kH264 ? 1 : 2;
    if (nal.size() <= header) return;
    const std::vector<std::byte> rbsp = unescape_nal(nal.subspan(header));
    ByteReader reader(rbsp);
    // The last byte is that of the trailing bits.
    while (reader.left() > 2) {
        const std::uint32_t type = read_sei_number(reader);
        const ByteReader body(reader.bytes(read_sei_number(reader)));
        if (!reader.ok()) return;
        if (type == kMasteringDisplay) take(read_mastering(body), facts.mastering);
        if (type == kContentLight) take(read_content_light(body), facts.content_light);
    }
}

void read_hdr_metadata(Codec codec, Bytes unit, unsigned length_size, VideoFacts& facts) {
    if (codec == Codec::kAv1) {
        read_hdr_obus(unit, facts);
    } else if (codec == Codec::kH264 || codec == Codec::kHevc) {
        const NalCodec nal = codec == Codec::kH264 ? NalCodec::kH264 : NalCodec::kHevc;
        if (length_size == 0)
            read_hdr_nals(nal, AnnexBNals(unit), facts);
        else
            read_hdr_nals(nal, LengthPrefixedNals(unit, length_size), facts);
    }
}

}  // namespace sg::formats
