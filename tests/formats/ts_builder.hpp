#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <formats/byte_writer.hpp>
#include <formats/ts_demuxer.hpp>
#include <formats/ts_writer.hpp>

// Transport streams made by hand, with what a proper writer would not write, and a sink that keeps
// what a demultiplexer says.

namespace sg::test {

using Buffer = std::vector<std::byte>;

inline Buffer bytes_of(std::initializer_list<unsigned> values) {
    Buffer out;
    for (const unsigned v : values) out.push_back(static_cast<std::byte>(v));
    return out;
}

inline Buffer operator+(Buffer a, const Buffer& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

struct MadeTrack {
    unsigned type = 0;
    unsigned pid = 0;
    Buffer descriptors;
};

class TsBuilder {
  public:
    Buffer out;

    void pat(std::initializer_list<std::pair<unsigned, unsigned>> programs) {
        Buffer body;
        formats::ByteWriter to(body);
        for (const auto& [number, pid] : programs) {
            to.u16(number);
            to.u16(0xe000 | pid);
        }
        section(0, long_section(0, 1, body));
    }
    void pmt(unsigned pid,
             unsigned program,
             unsigned clock_pid,
             const std::vector<MadeTrack>& tracks) {
        Buffer body;
        formats::ByteWriter to(body);
        to.u16(0xe000 | clock_pid);
        to.u16(0xf000);
        for (const MadeTrack& track : tracks) {
            to.u8(track.type);
            to.u16(0xe000 | track.pid);
            to.u16(0xf000 | static_cast<unsigned>(track.descriptors.size()));
            to.bytes(track.descriptors);
        }
        section(pid, long_section(2, program, body));
    }
    /// One program 1 on PMT PID 0x20.
    void tables(const std::vector<MadeTrack>& tracks) {
        pat({{1, 0x20}});
        pmt(0x20, 1, tracks.front().pid, tracks);
    }
    static Buffer long_section(unsigned table, unsigned id, const Buffer& body) {
        Buffer s;
        formats::ByteWriter to(s);
        to.u8(table);
        to.u16(0xb000 | static_cast<unsigned>(body.size() + 9));
        to.u16(id);
        to.u8(0xc1);
        to.u16(0);
        to.bytes(body);
        to.u32(formats::ts::section_crc(s));
        return s;
    }
    void section(unsigned pid, const Buffer& bytes) {
        Buffer data = bytes_of({0}) + bytes;
        bool start = true;
        for (std::size_t at = 0; at < data.size(); at += 184) {
            const std::size_t size = std::min<std::size_t>(184, data.size() - at);
            Buffer part(data.begin() + static_cast<std::ptrdiff_t>(at),
                        data.begin() + static_cast<std::ptrdiff_t>(at + size));
            part.resize(184, std::byte{0xff});
            packet(pid, start, part);
            start = false;
        }
    }
    void pes(unsigned pid,
             std::optional<std::int64_t> pts,
             const Buffer& payload,
             bool with_length = true,
             std::optional<std::int64_t> dts = {}) {
        Buffer data;
        formats::ByteWriter to(data);
        const unsigned header = dts ? 10 : pts ? 5 : 0;
        to.u32(0x1e0);
        to.u16(with_length ? static_cast<unsigned>(payload.size() + 3 + header) : 0);
        to.u8(0x80);
        to.u8(dts ? 0xc0 : pts ? 0x80 : 0);
        to.u8(header);
        if (pts) time(dts ? 3 : 2, *pts, to);
        if (dts) time(1, *dts, to);
        to.bytes(payload);
        bool start = true;
        for (std::size_t at = 0; at < data.size(); at += 184) {
            const std::size_t size = std::min<std::size_t>(184, data.size() - at);
            packet(pid, start, std::span(data).subspan(at, size));
            start = false;
        }
    }
    /// Stuffed when the payload is shorter than 184.
    void packet(unsigned pid, bool start, std::span<const std::byte> payload) {
        formats::ByteWriter to(out);
        to.u8(0x47);
        to.u16((start ? 0x4000U : 0U) | pid);
        const unsigned counter = counters[pid]++ & 15;
        const std::size_t room = 184 - payload.size();
        to.u8((room > 0 ? 0x30U : 0x10U) | counter);
        if (room > 0) to.u8(static_cast<unsigned>(room - 1));
        if (room > 1) {
            to.u8(0);
            for (std::size_t i = 2; i < room; ++i) to.u8(0xff);
        }
        to.bytes(payload);
    }
    void clock(unsigned pid, std::int64_t ticks, bool discontinuity = false) {
        formats::ByteWriter to(out);
        to.u8(0x47);
        to.u16(pid);
        to.u8(0x20U | (counters[pid] - 1U) % 16);
        to.u8(183);
        to.u8(discontinuity ? 0x90 : 0x10);
        to.u32(static_cast<std::uint32_t>(ticks >> 1));
        to.u16(static_cast<std::uint32_t>((ticks & 1) << 15 | 0x7e00));
        for (int i = 0; i < 176; ++i) to.u8(0xff);
    }

    std::map<unsigned, unsigned> counters;

  private:
    static void time(unsigned mark, std::int64_t t, formats::ByteWriter& to) {
        to.u8(static_cast<unsigned>(mark << 4 | (t >> 29 & 14) | 1));
        to.u16(static_cast<unsigned>((t >> 14 & 0xfffe) | 1));
        to.u16(static_cast<unsigned>((t << 1 & 0xfffe) | 1));
    }
};

struct KeptUnit {
    formats::ts::AccessUnit facts;  ///< its bytes are gone
    Buffer bytes;
};

class KeepingSink final : public formats::ts::DemuxSink {
  public:
    void on_programs(std::span<const formats::ts::Program> now) override {
        programs.assign(now.begin(), now.end());
        ++changes;
    }
    void on_unit(const formats::ts::AccessUnit& unit) override {
        units.push_back({unit, Buffer(unit.bytes.begin(), unit.bytes.end())});
        units.back().facts.bytes = {};
    }
    void on_section(const formats::ts::Section& section) override {
        sections.push_back({section, Buffer(section.bytes.begin(), section.bytes.end())});
    }
    void on_clock(unsigned, std::int64_t clock, bool jumps) override {
        clocks.push_back(clock);
        clock_jumps += jumps ? 1 : 0;
    }
    [[nodiscard]] std::vector<std::int64_t> times(unsigned pid) const {
        std::vector<std::int64_t> out;
        for (const KeptUnit& unit : units)
            if (unit.facts.pid == pid) out.push_back(unit.facts.pts.value_or(-1));
        return out;
    }

    std::vector<formats::ts::Program> programs;
    int changes = 0;
    std::vector<KeptUnit> units;
    std::vector<std::pair<formats::ts::Section, Buffer>> sections;
    std::vector<std::int64_t> clocks;
    int clock_jumps = 0;
};

/// What comes out of `stream`, pushed in steps.
inline KeepingSink demuxed(const Buffer& stream,
                           std::size_t step = 1316,
                           formats::ts::DemuxCounters* counters = nullptr) {
    KeepingSink sink;
    formats::ts::TsDemuxer demuxer(sink);
    for (std::size_t at = 0; at < stream.size(); at += step)
        demuxer.push(std::span(stream).subspan(at, std::min(step, stream.size() - at)));
    demuxer.flush();
    if (counters != nullptr) *counters = demuxer.counters();
    return sink;
}

/// An H.264 picture of one slice with some filling; IDR pictures have an SPS and a PPS.
inline Buffer h264_picture(bool idr, std::size_t filling, bool delimiter = true) {
    Buffer out;
    if (delimiter) out = bytes_of({0, 0, 0, 1, 9, 0xf0});
    if (idr) {
        out = out + bytes_of({0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1e, 0xf4, 0x05, 0x01, 0xe8});
        out = out + bytes_of({0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80});
    }
    out = out + bytes_of({0, 0, 1, idr ? 0x65U : 0x41U, 0x88});
    out.insert(out.end(), filling, std::byte{0xaa});
    return out;
}

/// AAC-LC, stereo; rate_index 3 is 48 kHz, 4 is 44.1 kHz.
inline Buffer adts_frame(std::size_t payload, unsigned rate_index = 3, unsigned fill = 0x21) {
    const auto size = static_cast<unsigned>(payload + 7);
    Buffer out = bytes_of({0xff,
                           0xf1,
                           0x40 | rate_index << 2,
                           0x80 | size >> 11,
                           size >> 3 & 0xff,
                           (size & 7) << 5 | 0x1f,
                           0xfc});
    out.insert(out.end(), payload, static_cast<std::byte>(fill));
    return out;
}

}  // namespace sg::test
