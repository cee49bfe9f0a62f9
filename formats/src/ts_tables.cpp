#include "ts_tables.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

#include <formats/byte_reader.hpp>
#include <formats/ts_writer.hpp>

namespace sg::formats::ts {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::size_t kMaxSection = 4096;
constexpr std::size_t kHeader = 3;
constexpr std::size_t kLongHeader = 8;
constexpr std::size_t kCrc = 4;
constexpr unsigned kSpliceInfoTable = 0xfc;

unsigned u8(Bytes bytes, std::size_t at) {
    return std::to_integer<unsigned>(bytes[at]);
}

/// The body of a long section of this table, when it is the current one.
std::optional<Bytes> current_body(Bytes section, unsigned table) {
    if (section.size() < kLongHeader + kCrc || u8(section, 0) != table) return std::nullopt;
    if ((u8(section, 1) & 0x80) == 0 || (u8(section, 5) & 1) == 0) return std::nullopt;
    return section.subspan(kLongHeader, section.size() - kLongHeader - kCrc);
}

struct Descriptors {
    std::array<char, 4> registration{};
    std::string language;
    std::uint8_t audio_type = 0;
    std::uint8_t opus_channels = 255;
    bool ac3 = false;
    bool eac3 = false;
    bool subtitles = false;
    bool teletext = false;

    [[nodiscard]] bool registered(std::string_view as) const {
        return std::string_view(registration.data(), registration.size()) == as;
    }
};

void read_language(Bytes body, Descriptors& into) {
    if (body.size() < 4 || !into.language.empty()) return;
    std::string code;
    for (std::size_t i = 0; i < 3; ++i) {
        const char c = static_cast<char>(u8(body, i) | 0x20);
        if (c < 'a' || c > 'z') return;
        code += c;
    }
    into.language = code;
    into.audio_type = static_cast<std::uint8_t>(u8(body, 3));
}

Descriptors read_descriptors(Bytes bytes) {
    Descriptors found;
    ByteReader from(bytes);
    while (from.left() >= 2) {
        const unsigned tag = from.u8();
        const Bytes body = from.bytes(from.u8());
        if (!from.ok()) break;
        if (tag == 0x05 && body.size() >= 4)
            for (std::size_t i = 0; i < 4; ++i) found.registration[i] = static_cast<char>(body[i]);
        if (tag == 0x0a) read_language(body, found);
        // DVB: ETSI EN 300 468 Table 12 and Annex D.
        if (tag == 0x6a) found.ac3 = true;
        if (tag == 0x7a) found.eac3 = true;
        if (tag == 0x59) found.subtitles = true;
        if (tag == 0x56) found.teletext = true;
        // Extension descriptor 0x80: Opus' channel configuration.
        if (tag == 0x7f && body.size() >= 2 && u8(body, 0) == 0x80)
            found.opus_channels = static_cast<std::uint8_t>(u8(body, 1));
    }
    return found;
}

struct Kind {
    TrackFormat format = TrackFormat::kOther;
    const char* name = nullptr;
};

Kind private_data(const Descriptors& d) {
    if (d.registered("Opus")) return {TrackFormat::kOpus, "Opus"};
    if (d.registered("HEVC")) return {TrackFormat::kHevc, "HEVC"};
    if (d.eac3 || d.registered("EAC3")) return {TrackFormat::kEac3, "E-AC-3"};
    if (d.ac3 || d.registered("AC-3")) return {TrackFormat::kAc3, "AC-3"};
    if (d.registered("AV01")) return {TrackFormat::kOther, "AV1"};
    if (d.registered("KLVA")) return {TrackFormat::kOther, "KLV metadata"};
    if (d.subtitles) return {TrackFormat::kOther, "DVB subtitles"};
    if (d.teletext) return {TrackFormat::kOther, "teletext"};
    return {TrackFormat::kOther, "private data"};
}

Kind kind_of(unsigned type, const Descriptors& d) {
    switch (type) {
        case 0x01:
            return {TrackFormat::kOther, "MPEG-1 video"};
        case 0x02:
            return {TrackFormat::kOther, "MPEG-2 video"};
        case 0x03:
        case 0x04:
            return {TrackFormat::kMpegAudio, "MPEG audio"};
        case 0x06:
            return private_data(d);
        case 0x0f:
            return {TrackFormat::kAac, "AAC"};
        case 0x10:
            return {TrackFormat::kOther, "MPEG-4 part 2 video"};
        case 0x11:
            return {TrackFormat::kAacLatm, "AAC in LATM"};
        case 0x15:
            return {TrackFormat::kOther, "timed metadata"};
        case 0x1b:
            return {TrackFormat::kH264, "H.264"};
        case 0x21:
            return {TrackFormat::kOther, "JPEG 2000"};
        case 0x24:
            return {TrackFormat::kHevc, "HEVC"};
        case 0x33:
            return {TrackFormat::kOther, "VVC"};
        case 0x81:
            return {TrackFormat::kAc3, "AC-3"};
        // Blu-ray discs use the number for DTS.
        case 0x86:
            if (!d.registered("HDMV")) return {TrackFormat::kScte35, "SCTE-35"};
            return {TrackFormat::kOther, "DTS"};
        case 0x87:
            return {TrackFormat::kEac3, "E-AC-3"};
        default:
            return {};
    }
}

Track make_track(unsigned type, unsigned pid, Bytes info) {
    const Descriptors d = read_descriptors(info);
    const Kind kind = kind_of(type, d);
    Track track;
    track.pid = pid;
    track.format = kind.format;
    track.stream_type = static_cast<std::uint8_t>(type);
    track.name = kind.name != nullptr ? kind.name : fmt::format("stream type 0x{:02x}", type);
    track.language = d.language;
    track.audio_type = d.audio_type;
    track.opus_channels = d.opus_channels;
    return track;
}

}  // namespace

SectionGatherer::State SectionGatherer::take_some(Bytes& data) {
    const auto move = [&](std::size_t up_to) {
        const std::size_t part = std::min(up_to - gathered_.size(), data.size());
        gathered_.insert(
            gathered_.end(), data.begin(), data.begin() + static_cast<std::ptrdiff_t>(part));
        data = data.subspan(part);
    };
    if (gathered_.empty() && u8(data, 0) == 0xff) return State::kStuffing;
    if (gathered_.size() < kHeader) move(kHeader);
    if (gathered_.size() < kHeader) return State::kMore;
    const std::size_t size = kHeader + ((u8(gathered_, 1) & 0x0fU) << 8 | u8(gathered_, 2));
    if (size > kMaxSection || size < kHeader + kCrc) return State::kBad;
    move(size);
    if (gathered_.size() < size) return State::kMore;
    // Splice sections have a CRC although they are of the short form.
    const bool has_crc = (u8(gathered_, 1) & 0x80) != 0 || u8(gathered_, 0) == kSpliceInfoTable;
    return !has_crc || section_crc(gathered_) == 0 ? State::kWhole : State::kBad;
}

std::optional<PatSection> parse_pat(Bytes section) {
    const auto body = current_body(section, 0);
    if (!body) return std::nullopt;
    PatSection pat;
    pat.number = u8(section, 6);
    pat.last_number = u8(section, 7);
    for (ByteReader from(*body); from.left() >= 4;) {
        const unsigned program = from.u16();
        const unsigned pid = from.u16() & 0x1fffU;
        if (program != 0) pat.entries.push_back({program, pid});
    }
    return pat;
}

std::optional<Program> parse_pmt(Bytes section, unsigned number, std::size_t max_tracks) {
    const auto body = current_body(section, 2);
    if (!body || (u8(section, 3) << 8 | u8(section, 4)) != number) return std::nullopt;
    ByteReader from(*body);
    Program program;
    program.number = number;
    program.clock_pid = from.u16() & 0x1fffU;
    from.skip(from.u16() & 0x0fffU);
    while (from.left() >= 5 && program.tracks.size() < max_tracks) {
        const unsigned type = from.u8();
        const unsigned pid = from.u16() & 0x1fffU;
        const Bytes info = from.bytes(from.u16() & 0x0fffU);
        if (!from.ok()) break;
        program.tracks.push_back(make_track(type, pid, info));
    }
    if (!from.ok()) return std::nullopt;
    program.described = true;
    return program;
}

}  // namespace sg::formats::ts
