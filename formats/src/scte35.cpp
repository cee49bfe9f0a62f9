#include <formats/byte_reader.hpp>
#include <formats/scte35.hpp>
#include <formats/ts_writer.hpp>

namespace sg::formats::scte35 {
namespace {

constexpr std::uint64_t kTimeMask = (std::uint64_t{1} << 33U) - 1;
constexpr std::uint32_t kCueIdentifier = 0x43554549;  // "CUEI"

std::uint64_t u40(ByteReader& in) {
    const std::uint64_t high = in.u8();
    return high << 32U | in.u32();
}

/// splice_time(), section 9.8.1.
std::optional<std::uint64_t> splice_time(ByteReader& in) {
    const std::uint64_t flags = in.u8();
    if ((flags & 0x80U) == 0) return std::nullopt;
    return ((flags & 1U) << 32U) | in.u32();
}

void read_insert(ByteReader& in, Splice& out) {
    out.event_id = in.u32();
    out.cancelled = (in.u8() & 0x80U) != 0;
    if (out.cancelled) return;
    const unsigned flags = in.u8();
    out.out_of_network = (flags & 0x80U) != 0;
    const bool program = (flags & 0x40U) != 0;
    const bool immediate = (flags & 0x10U) != 0;
    if (program && !immediate) out.pts = splice_time(in);
    if (!program) {
        const unsigned components = in.u8();
        for (unsigned i = 0; i < components && in.ok(); ++i) {
            in.skip(1);
            if (immediate) continue;
            const auto time = splice_time(in);
            if (!out.pts) out.pts = time;
        }
    }
    if ((flags & 0x20U) != 0) out.duration = u40(in) & kTimeMask;
}

/// segmentation_descriptor(), section 10.3.3.
void read_segmentation(ByteReader in, Splice& out) {
    if (in.u32() != kCueIdentifier) return;
    const std::uint32_t event = in.u32();
    const bool cancelled = (in.u8() & 0x80U) != 0;
    std::optional<std::uint64_t> duration;
    std::uint8_t type = 0;
    if (!cancelled) {
        const unsigned flags = in.u8();
        if ((flags & 0x80U) == 0) in.skip(std::size_t{6} * in.u8());
        if ((flags & 0x40U) != 0) duration = u40(in);
        in.skip(1);
        in.skip(in.u8());
        type = in.u8();
    }
    if (!in.ok()) return;
    out.segmentation_type = type;
    if (out.command == Splice::Command::kInsert) return;
    out.event_id = event;
    out.cancelled = cancelled;
    out.duration = duration;
}

}  // namespace

Result<Splice> parse_section(std::span<const std::byte> section) {
    constexpr std::uint8_t kTable = 0xfc;
    ByteReader in(section);
    const std::uint8_t table = in.u8();
    const std::size_t length = in.u16() & 0xfffU;
    if (!in.ok() || table != kTable || length + 3 > section.size() || length < 17)
        return Error{Errc::kBadData, "an SCTE-35 section is cut short"};
    section = section.first(length + 3);
    if (ts::section_crc(section) != 0)
        return Error{Errc::kBadData, "the checksum of an SCTE-35 section is wrong"};
    in = ByteReader(section.first(section.size() - 4));
    in.skip(4);
    const std::uint64_t scrambling = in.u8();
    if ((scrambling & 0x80U) != 0)
        return Error{Errc::kUnsupported, "an SCTE-35 section is encrypted"};
    const std::uint64_t adjustment = ((scrambling & 1U) << 32U) | in.u32();
    in.skip(1);
    const std::uint32_t tier_and_length = in.u24();
    Splice out;
    out.command = static_cast<Splice::Command>(in.u8());
    // 0xfff: a sender of an older edition leaves the length open.
    const std::size_t command_bytes = tier_and_length & 0xfffU;
    ByteReader command(command_bytes == 0xfffU || command_bytes > in.left()
                           ? in.rest()
                           : in.rest().first(command_bytes));
    if (out.command == Splice::Command::kInsert)
        read_insert(command, out);
    else if (out.command == Splice::Command::kTimeSignal)
        out.pts = splice_time(command);
    if (!command.ok()) return Error{Errc::kBadData, "an SCTE-35 command is cut short"};
    if (out.pts) out.pts = (*out.pts + adjustment) & kTimeMask;
    if (command_bytes == 0xfffU) return out;
    in.skip(command_bytes);
    in.skip(2);
    while (in.ok() && in.left() >= 2) {
        const std::uint8_t tag = in.u8();
        const auto descriptor = in.bytes(in.u8());
        if (tag == 2 && !out.segmentation_type) read_segmentation(ByteReader(descriptor), out);
    }
    return out;
}

}  // namespace sg::formats::scte35
