#include <algorithm>

#include <fmt/format.h>

#include <formats/byte_reader.hpp>
#include <formats/ts_reader.hpp>
#include <formats/ts_writer.hpp>

namespace sg::formats::ts {
namespace {

constexpr std::size_t kMaxProblems = 32;
constexpr std::size_t kMaxStreams = 64;
constexpr std::size_t kMaxFirstPayload = 4U << 20;
constexpr std::size_t kMaxSectionBytes = 1024 + 3;
constexpr unsigned kNullPid = 0x1fff;
constexpr unsigned kNoPid = 0x2000;

Error bad(std::string message) {
    return Error{Errc::kBadData, std::move(message)};
}

using Bytes = std::span<const std::byte>;

unsigned u8(Bytes bytes, std::size_t at) {
    return std::to_integer<unsigned>(bytes[at]);
}

struct Packet {
    std::size_t number = 0;
    unsigned pid = 0;
    bool start = false;
    bool random_access = false;
    bool discontinuity = false;
    bool has_clock = false;
    bool has_payload = false;
    unsigned counter = 0;
    Bytes payload;
};

std::int64_t read_time(ByteReader& from) {
    const std::int64_t a = from.u8();
    const std::int64_t b = from.u16();
    const std::int64_t c = from.u16();
    return (a >> 1 & 7) << 30 | (b >> 1) << 15 | c >> 1;
}

class TsParser {
  public:
    explicit TsParser(const Continuity& before) { out_.continuity = before; }
    Result<ParsedTs> run(Bytes bytes);

  private:
    Result<Packet> split(Bytes bytes, std::size_t number) const;
    void problem(const Packet& packet, std::string_view what);
    void check_counter(const Packet& packet);
    void take_section(const Packet& packet);
    void take_pat(Bytes section, const Packet& packet);
    void take_pmt(Bytes section, const Packet& packet);
    void take_descriptors(Bytes info, ParsedStream& into) const;
    void take_pes(const Packet& packet, ParsedStream& into);
    ParsedStream* stream_of(unsigned pid);

    ParsedTs out_;
    unsigned pmt_pid_ = kNoPid;
    bool has_pmt_ = false;
    bool media_seen_ = false;
    std::map<unsigned, std::vector<std::byte>> sections_;  ///< PAT and PMT being gathered
};

Result<Packet> TsParser::split(Bytes bytes, std::size_t number) const {
    if (u8(bytes, 0) != 0x47)
        return bad(fmt::format("packet {} does not start with the sync byte", number));
    Packet p;
    p.number = number;
    p.start = (u8(bytes, 1) & 0x40) != 0;
    p.pid = (u8(bytes, 1) & 0x1f) << 8 | u8(bytes, 2);
    p.counter = u8(bytes, 3) & 15;
    const bool has_adaptation = (u8(bytes, 3) & 0x20) != 0;
    p.has_payload = (u8(bytes, 3) & 0x10) != 0;
    std::size_t at = 4;
    if (has_adaptation) {
        const std::size_t length = u8(bytes, 4);
        if (length > kPacketBytes - 5)
            return bad(fmt::format("packet {}: its adaptation field is too long", number));
        if (length > 0) {
            const unsigned flags = u8(bytes, 5);
            p.discontinuity = (flags & 0x80) != 0;
            p.random_access = (flags & 0x40) != 0;
            p.has_clock = (flags & 0x10) != 0 && length >= 7;
        }
        at += 1 + length;
    }
    if (p.has_payload) p.payload = bytes.subspan(at);
    return p;
}

void TsParser::problem(const Packet& packet, std::string_view what) {
    if (out_.problems.size() < kMaxProblems)
        out_.problems.push_back(
            fmt::format("packet {}, PID 0x{:x}: {}", packet.number, packet.pid, what));
}

void TsParser::check_counter(const Packet& packet) {
    if (!packet.has_payload) return;
    const auto last = out_.continuity.find(packet.pid);
    if (last == out_.continuity.end()) {
        out_.continuity.emplace(packet.pid, static_cast<std::uint8_t>(packet.counter));
        return;
    }
    if (!packet.discontinuity && packet.counter != ((last->second + 1U) & 15U))
        problem(packet,
                fmt::format("continuity counter goes from {} to {}", last->second, packet.counter));
    last->second = static_cast<std::uint8_t>(packet.counter);
}

void TsParser::take_section(const Packet& packet) {
    std::vector<std::byte>& gathered = sections_[packet.pid];
    Bytes data = packet.payload;
    if (packet.start) {
        if (data.empty() || u8(data, 0) >= data.size()) {
            problem(packet, "pointer_field runs past the packet");
            return;
        }
        data = data.subspan(1 + u8(data, 0));
        gathered.clear();
    } else if (gathered.empty()) {
        return;
    }
    data = data.first(std::min(data.size(), kMaxSectionBytes - gathered.size()));
    gathered.insert(gathered.end(), data.begin(), data.end());
    if (gathered.size() < 3) return;
    const std::size_t size = 3 + ((u8(gathered, 1) & 0x0fU) << 8 | u8(gathered, 2));
    if (size > kMaxSectionBytes || size < 12) {
        problem(packet, "section has an impossible length");
        gathered.clear();
        return;
    }
    if (gathered.size() < size) return;
    const Bytes section = Bytes(gathered).first(size);
    if (section_crc(section) != 0) {
        problem(packet, "section with a wrong CRC");
    } else if (packet.pid == 0 && u8(section, 0) == 0) {
        take_pat(section.subspan(8, size - 12), packet);
    } else if (packet.pid == pmt_pid_ && u8(section, 0) == 2) {
        take_pmt(section.subspan(8, size - 12), packet);
    }
    gathered.clear();
}

void TsParser::take_pat(Bytes section, const Packet& packet) {
    for (ByteReader from(section); from.left() >= 4;) {
        const unsigned program = from.u16();
        const unsigned pid = from.u16() & 0x1fffU;
        if (program == 0) continue;
        if (pmt_pid_ != kNoPid && pmt_pid_ != pid) problem(packet, "more than one program");
        if (pmt_pid_ == kNoPid) pmt_pid_ = pid;
    }
}

void TsParser::take_descriptors(Bytes info, ParsedStream& into) const {
    ByteReader from(info);
    while (from.left() >= 2) {
        const unsigned tag = from.u8();
        const std::size_t length = from.u8();
        ByteReader body(from.bytes(length));
        if (tag == 0x05 && length >= 4)
            for (char& c : into.registration) c = static_cast<char>(body.u8());
        if (tag == 0x0a && length >= 4) {
            into.language.clear();
            for (int i = 0; i < 3; ++i) into.language += static_cast<char>(body.u8());
        }
    }
}

void TsParser::take_pmt(Bytes section, const Packet& packet) {
    if (has_pmt_) return;
    ByteReader from(section);
    out_.clock_pid = from.u16() & 0x1fffU;
    from.skip(from.u16() & 0x0fffU);
    while (from.left() >= 5 && out_.streams.size() < kMaxStreams) {
        ParsedStream stream;
        stream.type = from.u8();
        stream.pid = from.u16() & 0x1fffU;
        take_descriptors(from.bytes(from.u16() & 0x0fffU), stream);
        out_.streams.push_back(std::move(stream));
    }
    if (!from.ok()) problem(packet, "PMT is cut short");
    has_pmt_ = true;
    out_.tables_first = !media_seen_;
}

void TsParser::take_pes(const Packet& packet, ParsedStream& into) {
    Bytes data = packet.payload;
    if (packet.start) {
        ByteReader from(data);
        PesStart unit;
        unit.packet = packet.number;
        unit.random_access = packet.random_access;
        const bool starts = from.u24() == 1;
        from.skip(4);
        const unsigned flags = from.u8();
        const std::size_t header = from.u8();
        ByteReader times(from.bytes(header));
        if (!starts || !from.ok()) {
            problem(packet, "PES header is damaged");
            return;
        }
        if ((flags & 0x80) != 0) unit.pts = read_time(times);
        if ((flags & 0xc0) == 0xc0) unit.dts = read_time(times);
        if (!times.ok()) problem(packet, "PES header is too short for its time stamps");
        data = from.rest();
        into.units.push_back(unit);
    }
    if (into.units.size() != 1 || into.first_payload.size() >= kMaxFirstPayload) return;
    data = data.first(std::min(data.size(), kMaxFirstPayload - into.first_payload.size()));
    into.first_payload.insert(into.first_payload.end(), data.begin(), data.end());
}

ParsedStream* TsParser::stream_of(unsigned pid) {
    for (ParsedStream& s : out_.streams)
        if (s.pid == pid) return &s;
    return nullptr;
}

Result<ParsedTs> TsParser::run(Bytes bytes) {
    if (bytes.empty()) return bad("transport stream is empty");
    if (bytes.size() % kPacketBytes != 0)
        return bad(
            fmt::format("length {} is not a multiple of {} bytes", bytes.size(), kPacketBytes));
    out_.packets = bytes.size() / kPacketBytes;
    for (std::size_t i = 0; i < out_.packets; ++i) {
        const Bytes raw = bytes.subspan(i * kPacketBytes, kPacketBytes);
        SG_TRY_ASSIGN(const Packet packet, split(raw, i));
        if (packet.pid == kNullPid) continue;
        if ((u8(raw, 1) & 0x80) != 0) problem(packet, "transport_error_indicator is set");
        check_counter(packet);
        if (packet.pid == 0 || packet.pid == pmt_pid_) {
            take_section(packet);
            continue;
        }
        media_seen_ = true;
        if (packet.has_clock && packet.pid == out_.clock_pid) ++out_.clocks;
        if (ParsedStream* stream = stream_of(packet.pid)) take_pes(packet, *stream);
    }
    if (!has_pmt_) return bad("no program: PAT or PMT is missing");
    return std::move(out_);
}

}  // namespace

Result<ParsedTs> parse_ts(std::span<const std::byte> bytes, const Continuity& before) {
    return TsParser(before).run(bytes);
}

}  // namespace sg::formats::ts
