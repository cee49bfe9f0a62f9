#include <array>

#include <formats/audio_headers.hpp>
#include <formats/bit_reader.hpp>
#include <formats/byte_writer.hpp>

#include "dolby_channels.hpp"

namespace sg::formats {

namespace {

constexpr std::uint32_t kSync = 0x0B77;
constexpr std::array<std::uint32_t, 3> kRates{48000, 44100, 32000};
constexpr std::uint32_t kMaxSubstreams = 8;

Error bad_frame(const char* codec, const char* why) {
    return Error{Errc::kBadData, std::string("read ") + codec + " frame header: " + why};
}

struct Eac3Frame {
    std::uint32_t type = 0;
    std::uint32_t substream = 0;
    std::uint32_t bytes = 0;
    std::uint32_t rate_code = 0;
    std::uint32_t rate = 0;
    std::uint32_t blocks = 0;
    std::uint32_t mode = 0;
    bool lfe = false;
    std::uint32_t bsid = 0;
    std::uint32_t channel_map = 0;
};

bool parse_eac3_header(std::span<const std::byte> data, Eac3Frame& frame) {
    static constexpr std::array<std::uint32_t, 4> kBlocks{1, 2, 3, 6};
    BitReader bits(data);
    if (bits.u(16) != kSync) return false;
    frame.type = bits.u(2);
    frame.substream = bits.u(3);
    frame.bytes = (bits.u(11) + 1) * 2;
    frame.rate_code = bits.u(2);
    if (frame.rate_code == 3) {
        const std::uint32_t half = bits.u(2);
        if (half == 3) return false;
        frame.rate = kRates[half] / 2;
        frame.blocks = 6;
    } else {
        frame.rate = kRates[frame.rate_code];
        frame.blocks = kBlocks[bits.u(2)];
    }
    frame.mode = bits.u(3);
    frame.lfe = bits.flag();
    frame.bsid = bits.u(5);
    bits.skip(5);
    if (bits.flag()) bits.skip(8);
    if (frame.mode == 0) {
        bits.skip(5);
        if (bits.flag()) bits.skip(8);
    }
    if (frame.type == 1 && bits.flag()) frame.channel_map = bits.u(16);
    return bits.ok() && frame.bsid >= 11 && frame.bsid <= 16;
}

/// chan_loc of ETSI TS 102 366 Table F.6.2 from chanmap (Table E.1.4): bit 0 is Lc/Rc, bit 8 is
/// LFE2.
std::uint32_t channel_locations(std::uint32_t map) {
    // chanmap bit 15 is left ... 0 is LFE; the pairs and centres beyond 5.1 start at bit 10 with
    // Lc/Rc.
    static constexpr std::array<std::uint8_t, 9> kBits{10, 9, 8, 7, 6, 5, 4, 3, 1};
    std::uint32_t locations = 0;
    for (std::size_t i = 0; i < kBits.size(); ++i) locations |= (map >> kBits[i] & 1) << i;
    return locations;
}

struct Substream {
    Eac3Frame first;
    std::uint32_t dependents = 0;
    std::uint32_t locations = 0;
};

}  // namespace

std::uint32_t dolby_mode_channels(std::uint32_t mode) {
    static constexpr std::array<std::uint8_t, 8> kChannels{2, 1, 2, 3, 3, 4, 4, 5};
    return kChannels[mode & 7U];
}

std::uint32_t dolby_extra_channels(std::uint32_t locations) {
    static constexpr std::uint32_t kPairs = 0b0111'0011;  // Lc/Rc, Lrs/Rrs, Lsd/Rsd, Lw/Rw, Lvh/Rvh
    std::uint32_t count = 0;
    for (unsigned i = 0; i < 9; ++i) {
        if ((locations >> i & 1) != 0) count += (kPairs >> i & 1) != 0 ? 2U : 1U;
    }
    return count;
}

Result<AudioFacts> parse_ac3_frame(std::span<const std::byte> frame, std::vector<std::byte>& dac3) {
    static constexpr std::uint32_t kFirstReservedSize = 38;
    BitReader bits(frame);
    if (bits.u(16) != kSync) return bad_frame("AC-3", "no sync word");
    bits.skip(16);
    const std::uint32_t rate_code = bits.u(2);
    const std::uint32_t size_code = bits.u(6);
    const std::uint32_t bsid = bits.u(5);
    const std::uint32_t bsmod = bits.u(3);
    const std::uint32_t mode = bits.u(3);
    if ((mode & 1) != 0 && mode != 1) bits.skip(2);
    if ((mode & 4) != 0) bits.skip(2);
    if (mode == 2) bits.skip(2);
    const bool lfe = bits.flag();
    if (!bits.ok()) return bad_frame("AC-3", "it is cut short");
    if (rate_code > 2 || size_code >= kFirstReservedSize || bsid > 8) {
        return bad_frame("AC-3", "reserved rate, size or version");
    }
    const std::uint32_t packed = rate_code << 22 | bsid << 17 | bsmod << 14 | mode << 11 |
                                 (lfe ? 1U : 0U) << 10 | (size_code >> 1) << 5;
    dac3.clear();
    ByteWriter(dac3).u24(packed);
    AudioFacts facts;
    facts.sample_rate = facts.core_sample_rate = kRates[rate_code];
    facts.channels = dolby_mode_channels(mode) + (lfe ? 1U : 0U);
    facts.samples_per_frame = 1536;
    return facts;
}

Result<AudioFacts> parse_eac3_frame(std::span<const std::byte> frame,
                                    std::vector<std::byte>& dec3) {
    std::vector<Substream> substreams;
    std::uint64_t bytes = 0;
    std::uint32_t blocks = 0;
    std::span<const std::byte> rest = frame;
    while (rest.size() >= 8) {
        Eac3Frame header;
        if (!parse_eac3_header(rest, header)) {
            if (substreams.empty()) return bad_frame("E-AC-3", "no valid sync frame");
            break;
        }
        const bool dependent = header.type == 1;
        if (substreams.empty() && dependent) {
            return bad_frame("E-AC-3", "it starts with a dependent substream");
        }
        if (dependent) {
            Substream& parent = substreams.back();
            ++parent.dependents;
            parent.locations |= channel_locations(header.channel_map);
        } else {
            // Short frames repeat substream 0 until six blocks are together; it is described once.
            if (header.substream == 0) {
                if (blocks >= 6) break;
                blocks += header.blocks;
            }
            if (header.substream >= substreams.size()) substreams.push_back({header, 0, 0});
        }
        if (substreams.size() > kMaxSubstreams || substreams.back().dependents > kMaxSubstreams) {
            return bad_frame("E-AC-3", "too many substreams");
        }
        bytes += header.bytes;
        if (header.bytes >= rest.size()) break;
        rest = rest.subspan(header.bytes);
    }
    if (substreams.empty() || blocks == 0) return bad_frame("E-AC-3", "it is cut short");
    const Eac3Frame& main = substreams.front().first;
    const std::uint64_t kbits = bytes * 8 * main.rate / (std::uint64_t{blocks} * 256) / 1000;
    dec3.clear();
    ByteWriter writer(dec3);
    writer.u16(static_cast<std::uint32_t>(kbits & 0x1FFF) << 3 |
               static_cast<std::uint32_t>(substreams.size() - 1));
    for (const Substream& substream : substreams) {
        const Eac3Frame& first = substream.first;
        const std::uint32_t packed = first.rate_code << 22 | first.bsid << 17 | first.mode << 9 |
                                     (first.lfe ? 1U : 0U) << 8 | substream.dependents << 1;
        if (substream.dependents == 0) {
            writer.u24(packed);
        } else {
            writer.u24(packed | substream.locations >> 8);
            writer.u8(substream.locations & 0xFF);
        }
    }
    AudioFacts facts;
    facts.sample_rate = facts.core_sample_rate = main.rate;
    facts.channels = dolby_mode_channels(main.mode) + (main.lfe ? 1U : 0U) +
                     dolby_extra_channels(substreams.front().locations);
    facts.samples_per_frame = blocks * 256;
    return facts;
}

Result<AudioFacts> parse_mp3_frame(std::span<const std::byte> frame) {
    BitReader bits(frame);
    const std::uint32_t sync = bits.u(11);
    const std::uint32_t version = bits.u(2);  // 3: MPEG-1, 2: MPEG-2, 0: MPEG-2.5
    const std::uint32_t layer = bits.u(2);    // 1: layer III
    bits.skip(1);
    const std::uint32_t bitrate = bits.u(4);
    const std::uint32_t rate = bits.u(2);
    bits.skip(2);
    const std::uint32_t mode = bits.u(2);
    if (!bits.ok() || sync != 0x7FF) return bad_frame("MP3", "no sync word");
    if (version == 1 || layer != 1 || bitrate == 15 || rate == 3) {
        return bad_frame("MP3", "not layer III, or a reserved value");
    }
    static constexpr std::array<std::uint32_t, 3> kMpeg1Rates{44100, 48000, 32000};
    AudioFacts facts;
    facts.sample_rate = kMpeg1Rates[rate] >> (version == 3 ? 0 : version == 2 ? 1 : 2);
    facts.core_sample_rate = facts.sample_rate;
    facts.channels = mode == 3 ? 1 : 2;
    facts.samples_per_frame = version == 3 ? 1152 : 576;
    return facts;
}

}  // namespace sg::formats
