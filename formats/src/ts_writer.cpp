#include <algorithm>
#include <array>
#include <cstring>

#include <formats/byte_writer.hpp>
#include <formats/ts_writer.hpp>

#include "language_code.hpp"

namespace sg::formats::ts {
namespace {

constexpr unsigned kPatPid = 0;
constexpr unsigned kPmtPid = 0x1000;
constexpr unsigned kFirstPid = 0x100;
constexpr std::size_t kPatCounter = 0;
constexpr std::size_t kPmtCounter = 1;
constexpr std::size_t kFirstCounter = 2;
constexpr std::size_t kPacketPayload = kPacketBytes - 4;

/// How long before it is decoded a unit arrives: time for the largest pictures at the peak rate.
constexpr std::int64_t kClockLead = 45'000;
/// The standard allows 100 ms between clock references (section 2.7.2).
constexpr std::int64_t kClockInterval = 8'100;
constexpr std::int64_t kClockModulus = std::int64_t{1} << 33;

bool is_video(StreamType type) {
    return type == StreamType::kH264 || type == StreamType::kHevc;
}

std::uint32_t stream_id(StreamType type) {
    if (is_video(type)) return 0xe0;
    // AC-3 is private_stream_1 (A/52 Annex A).
    return type == StreamType::kAc3 || type == StreamType::kEac3 ? 0xbd : 0xc0;
}

void descriptors(const Stream& stream, ByteWriter& to) {
    const auto registration = [&](std::string_view format) {
        to.u8(0x05);
        to.u8(4);
        to.text(format);
    };
    if (stream.type == StreamType::kHevc) registration("HEVC");
    if (stream.type == StreamType::kAc3) registration("AC-3");
    if (stream.type == StreamType::kEac3) registration("EAC3");
    const std::uint32_t packed = packed_language(stream.language);
    if (stream.language.empty() || packed == packed_language("und")) return;
    to.u8(0x0a);  // ISO_639_language_descriptor
    to.u8(4);
    for (const unsigned shift : {10U, 5U, 0U}) to.u8((packed >> shift & 31U) + 0x60U);
    to.u8(0);
}

/// Section header of a table with one section: `number` is table_id_extension (section 2.4.4).
void begin_section(unsigned table, std::uint32_t number, ByteWriter& to) {
    to.u8(table);
    to.u16(0);
    to.u16(number);
    to.u8(0xc1);  // version 0, current
    to.u8(0);
    to.u8(0);
}

void end_section(std::vector<std::byte>& section) {
    const std::size_t length = section.size() - 3 + 4;
    section[1] = static_cast<std::byte>(0xb0 | length >> 8);
    section[2] = static_cast<std::byte>(length);
    ByteWriter(section).u32(section_crc(section));
}

std::vector<std::byte> make_pat() {
    std::vector<std::byte> section;
    ByteWriter to(section);
    begin_section(0x00, 1, to);
    to.u16(1);
    to.u16(0xe000 | kPmtPid);
    end_section(section);
    return section;
}

std::vector<std::byte> make_pmt(const std::vector<Stream>& streams, std::size_t clock_stream) {
    std::vector<std::byte> section;
    ByteWriter to(section);
    begin_section(0x02, 1, to);
    to.u16(0xe000 | (kFirstPid + static_cast<unsigned>(clock_stream)));
    to.u16(0xf000);
    unsigned pid = kFirstPid;
    for (const Stream& stream : streams) {
        to.u8(static_cast<std::uint8_t>(stream.type));
        to.u16(0xe000 | pid++);
        std::vector<std::byte> info;
        ByteWriter info_writer(info);
        descriptors(stream, info_writer);
        to.u16(0xf000 | static_cast<std::uint32_t>(info.size()));
        to.bytes(info);
    }
    end_section(section);
    return section;
}

/// PTS or DTS field (section 2.4.3.6).
void put_time(std::byte* to, unsigned prefix, std::int64_t time) {
    const auto t = static_cast<std::uint64_t>(time % kClockModulus);
    to[0] = static_cast<std::byte>(prefix << 4 | (t >> 29 & 0x0e) | 1);
    to[1] = static_cast<std::byte>(t >> 22);
    to[2] = static_cast<std::byte>((t >> 14 & 0xfe) | 1);
    to[3] = static_cast<std::byte>(t >> 7);
    to[4] = static_cast<std::byte>((t << 1 & 0xfe) | 1);
}

/// program_clock_reference with extension 0 (section 2.4.3.5).
void put_clock(std::byte* to, std::int64_t time) {
    const auto t = static_cast<std::uint64_t>(time % kClockModulus);
    to[0] = static_cast<std::byte>(t >> 25);
    to[1] = static_cast<std::byte>(t >> 17);
    to[2] = static_cast<std::byte>(t >> 9);
    to[3] = static_cast<std::byte>(t >> 1);
    to[4] = static_cast<std::byte>((t & 1) << 7 | 0x7e);
    to[5] = std::byte{0};
}

/// A PES header is at most 19 bytes here.
struct PesHeader {
    std::array<std::byte, 19> bytes{};
    std::size_t size = 0;
};

PesHeader pes_header(const Unit& unit, StreamType type) {
    PesHeader header;
    const bool has_dts = unit.dts != unit.pts;
    const std::size_t times = has_dts ? 10 : 5;
    header.size = 9 + times;
    std::byte* to = header.bytes.data();
    to[2] = std::byte{1};
    to[3] = static_cast<std::byte>(stream_id(type));
    // A length of 0, "to the next start", is allowed for video only.
    const std::size_t length = 3 + times + unit.payload.size();
    if (!is_video(type) && length <= 0xffff) {
        to[4] = static_cast<std::byte>(length >> 8);
        to[5] = static_cast<std::byte>(length);
    }
    to[6] = std::byte{0x84};  // data_alignment_indicator: a frame starts right after the header
    to[7] = has_dts ? std::byte{0xc0} : std::byte{0x80};
    to[8] = static_cast<std::byte>(times);
    put_time(to + 9, has_dts ? 3 : 2, unit.pts);
    if (has_dts) put_time(to + 14, 1, unit.dts);
    return header;
}

/// Packet header; `has_payload` and `has_adaptation` make adaptation_field_control.
void put_header(std::byte* packet,
                unsigned pid,
                bool start,
                bool has_adaptation,
                bool has_payload,
                unsigned counter) {
    packet[0] = std::byte{0x47};
    packet[1] = static_cast<std::byte>((start ? 0x40U : 0U) | pid >> 8);
    packet[2] = static_cast<std::byte>(pid);
    packet[3] = static_cast<std::byte>((has_adaptation ? 0x20U : 0U) | (has_payload ? 0x10U : 0U) |
                                       counter);
}

/// Adaptation field of `size` bytes with its length byte; flags and clock first, stuffing behind
/// them.
void put_adaptation(std::byte* to,
                    std::size_t size,
                    bool random_access,
                    const std::int64_t* clock) {
    to[0] = static_cast<std::byte>(size - 1);
    if (size == 1) return;
    to[1] = static_cast<std::byte>((random_access ? 0x40U : 0U) | (clock != nullptr ? 0x10U : 0U));
    std::size_t used = 2;
    if (clock != nullptr) {
        put_clock(to + 2, *clock);
        used = 8;
    }
    std::memset(to + used, 0xff, size - used);
}

}  // namespace

std::uint32_t section_crc(std::span<const std::byte> bytes) {
    static constexpr auto kTable = [] {
        std::array<std::uint32_t, 256> table{};
        for (std::uint32_t i = 0; i < 256; ++i) {
            std::uint32_t crc = i << 24;
            for (int bit = 0; bit < 8; ++bit)
                crc = (crc & 0x80000000U) != 0 ? crc << 1 ^ 0x04c11db7U : crc << 1;
            table[i] = crc;
        }
        return table;
    }();
    std::uint32_t crc = 0xffffffffU;
    for (const std::byte b : bytes)
        crc = crc << 8 ^ kTable[(crc >> 24 ^ std::to_integer<std::uint32_t>(b)) & 0xff];
    return crc;
}

Writer::Writer(std::vector<Stream> streams) : streams_(std::move(streams)) {
    counters_.assign(kFirstCounter + streams_.size(), 0);
    for (std::size_t i = streams_.size(); i-- > 0;)
        if (is_video(streams_[i].type)) clock_stream_ = i;
    pat_ = make_pat();
    pmt_ = make_pmt(streams_, clock_stream_);
}

bool Writer::set_counters(std::vector<std::uint8_t> counters) {
    if (counters.size() != counters_.size()) return false;
    for (std::uint8_t& c : counters) c &= 15;
    counters_ = std::move(counters);
    return true;
}

std::uint8_t Writer::next_counter(std::size_t index) {
    const std::uint8_t value = counters_[index];
    counters_[index] = static_cast<std::uint8_t>((value + 1) & 15);
    return value;
}

void Writer::begin_segment(std::vector<std::byte>& out) {
    has_clock_ = false;
    write_section(kPatCounter, kPatPid, pat_, out);
    write_section(kPmtCounter, kPmtPid, pmt_, out);
}

void Writer::write_section(std::size_t counter,
                           unsigned pid,
                           std::span<const std::byte> section,
                           std::vector<std::byte>& out) {
    bool first = true;
    while (!section.empty()) {
        std::byte* packet = ByteWriter(out).grow(kPacketBytes);
        put_header(packet, pid, first, false, true, next_counter(counter));
        std::byte* to = packet + 4;
        if (first) *to++ = std::byte{0};  // pointer_field
        const auto space = static_cast<std::size_t>(packet + kPacketBytes - to);
        const std::size_t n = std::min(space, section.size());
        std::memcpy(to, section.data(), n);
        std::memset(to + n, 0xff, space - n);
        section = section.subspan(n);
        first = false;
    }
}

void Writer::write_clock(std::int64_t pcr, std::vector<std::byte>& out) {
    // Without payload the counter stays that of the packet before (section 2.4.3.3).
    const unsigned counter = (counters_[kFirstCounter + clock_stream_] + 15U) & 15U;
    std::byte* packet = ByteWriter(out).grow(kPacketBytes);
    put_header(
        packet, kFirstPid + static_cast<unsigned>(clock_stream_), false, true, false, counter);
    put_adaptation(packet + 4, kPacketPayload, false, &pcr);
}

void Writer::write(const Unit& unit, std::vector<std::byte>& out) {
    const StreamType type = streams_[unit.stream].type;
    const unsigned pid = kFirstPid + static_cast<unsigned>(unit.stream);
    const PesHeader header = pes_header(unit, type);
    const bool has_clock = unit.stream == clock_stream_;
    const std::int64_t clock = std::max<std::int64_t>(0, unit.dts - kClockLead);
    if (has_clock) {
        while (has_clock_ && clock - last_clock_ > kClockInterval)
            write_clock(last_clock_ += kClockInterval, out);
        last_clock_ = clock;
        has_clock_ = true;
    }
    std::span<const std::byte> head(header.bytes.data(), header.size);
    std::span<const std::byte> payload = unit.payload;
    for (bool first = true; !head.empty() || !payload.empty(); first = false) {
        std::byte* packet = ByteWriter(out).grow(kPacketBytes);
        std::size_t adaptation = 0;
        if (first && has_clock)
            adaptation = 8;
        else if (first && unit.random_access)
            adaptation = 2;
        const std::size_t left = head.size() + payload.size();
        if (left < kPacketPayload - adaptation) adaptation = kPacketPayload - left;
        put_header(
            packet, pid, first, adaptation != 0, true, next_counter(kFirstCounter + unit.stream));
        std::byte* to = packet + 4;
        if (adaptation != 0)
            put_adaptation(
                to, adaptation, first && unit.random_access, first && has_clock ? &clock : nullptr);
        to += adaptation;
        std::size_t space = kPacketPayload - adaptation;
        const std::size_t from_head = std::min(space, head.size());
        if (from_head != 0) std::memcpy(to, head.data(), from_head);
        head = head.subspan(from_head);
        space -= from_head;
        const std::size_t from_payload = std::min(space, payload.size());
        if (from_payload != 0) std::memcpy(to + from_head, payload.data(), from_payload);
        payload = payload.subspan(from_payload);
    }
}

}  // namespace sg::formats::ts
