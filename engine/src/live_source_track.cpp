#include <span>

#include <engine/live_link.hpp>
#include <formats/byte_reader.hpp>
#include <formats/byte_writer.hpp>

// Codec configuration as ISO-BMFF boxes hold it, turned into what libav's decoders want.

namespace sg::engine {
namespace {

using Bytes = std::span<const std::byte>;
using formats::ByteReader;
using formats::ByteWriter;
using formats::Codec;

/// ISO/IEC 14496-1 section 8.3.3: seven bits a byte, the top one says that more follow.
std::size_t descriptor_length(ByteReader& r) {
    std::size_t length = 0;
    for (int i = 0; i < 4; ++i) {
        const auto b = r.u8();
        length = length << 7 | (b & 0x7fU);
        if ((b & 0x80U) == 0) break;
    }
    return length;
}

/// DecoderSpecificInfo of an esds box.
std::vector<std::byte> specific_info(Bytes esds) {
    ByteReader r(esds);
    r.skip(4);
    if (r.u8() != 3) return {};
    descriptor_length(r);
    r.skip(3);
    if (r.u8() != 4) return {};
    descriptor_length(r);
    r.skip(13);
    if (r.u8() != 5) return {};
    const auto bytes = r.bytes(descriptor_length(r));
    return {bytes.begin(), bytes.end()};
}

std::vector<std::byte> start_coded(const std::vector<std::vector<std::byte>>& parameter_sets) {
    std::vector<std::byte> out;
    ByteWriter w(out);
    for (const auto& set : parameter_sets) {
        w.u32(1);
        w.bytes(set);
    }
    return out;
}

/// dOps is big-endian without its name (Opus in ISO-BMFF section 4.3.2), OpusHead little-endian
/// (RFC 7845 section 5.1).
std::vector<std::byte> opus_head(Bytes dops) {
    ByteReader r(dops);
    r.skip(1);
    const auto channels = r.u8();
    const auto pre_skip = r.u16();
    const auto rate = r.u32();
    const auto gain = r.u16();
    std::vector<std::byte> out;
    ByteWriter w(out);
    w.text("OpusHead");
    w.u8(1);
    w.u8(channels);
    w.u8(pre_skip & 0xffU);
    w.u8(pre_skip >> 8U);
    for (unsigned shift = 0; shift < 32; shift += 8) w.u8(rate >> shift & 0xffU);
    w.u8(gain & 0xffU);
    w.u8(gain >> 8U);
    w.bytes(r.rest());
    return out;
}

std::vector<std::byte> extradata_of(const ingest::LiveTrack& track) {
    const auto& config = track.config;
    const Bytes payload(config.payload);
    switch (config.codec) {
        case Codec::kH264:
        case Codec::kHevc:
            if (track.annex_b) return start_coded(config.parameter_sets);
            return config.payload;
        case Codec::kAv1:
            return config.payload;
        case Codec::kAac:
            return specific_info(payload);
        case Codec::kOpus:
            return opus_head(payload);
        case Codec::kFlac: {
            // Behind version and flags, and the block's header.
            if (payload.size() < 8) return {};
            const auto info = payload.subspan(8);
            return {info.begin(), info.end()};
        }
        case Codec::kVp9:
        case Codec::kAc3:
        case Codec::kEac3:
        case Codec::kMp3:
            return {};
    }
    return {};
}

}  // namespace

LiveSourceTrack live_source_track(const ingest::LiveTrack& track) {
    LiveSourceTrack out;
    out.id = track.id;
    out.codec = track.config.codec;
    out.language = track.language;
    out.extradata = extradata_of(track);
    out.video = track.config.video;
    out.audio = track.config.audio;
    return out;
}

}  // namespace sg::engine
