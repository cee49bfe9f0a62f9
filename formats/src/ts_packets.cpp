#include "ts_packets.hpp"

#include <algorithm>
#include <array>

#include <formats/byte_reader.hpp>

namespace sg::formats::ts {
namespace {

/// ISO/IEC 13818-1 section 2.4.3.4, behind the length.
void parse_adaptation(std::span<const std::byte> field, Packet& p) {
    ByteReader from(field);
    const unsigned flags = from.u8();
    p.discontinuity = (flags & 0x80) != 0;
    p.random_access = (flags & 0x40) != 0;
    if ((flags & 0x10) != 0) {
        const std::int64_t base = from.u32();
        const std::int64_t low = from.u16();
        if (from.ok()) p.clock = (base << 1 | low >> 15) * 300 + (low & 0x1ff);
    }
    if ((flags & 0x08) != 0) from.skip(6);
    if ((flags & 0x04) != 0) from.skip(1);
    if ((flags & 0x02) != 0) from.skip(from.u8());
    if ((flags & 0x01) != 0) from.skip(from.u8());
    p.stuffed = from.left() > 0 || field.empty();
}

}  // namespace

std::size_t PacketSync::wanted(std::size_t available) const {
    // Out of sync everything may be needed, in steps that keep the buffer small.
    const std::size_t want = stride_ == 0 ? 4 * kLookAhead : stride_ - carry_.size();
    return std::min(want, available);
}

std::size_t PacketSync::search(std::span<const std::byte> bytes) {
    static constexpr std::array<std::size_t, 3> kStrides{188, 192, 204};
    constexpr std::byte kSync{0x47};
    std::size_t at = 0;
    for (; at + kLookAhead <= bytes.size(); ++at) {
        if (bytes[at] != kSync) continue;
        for (const std::size_t stride : kStrides) {
            if (bytes[at + stride] != kSync || bytes[at + 2 * stride] != kSync) continue;
            stride_ = stride;
            return at;
        }
    }
    return at;
}

std::optional<Packet> parse_packet(std::span<const std::byte> bytes) {
    const auto u8 = [&](std::size_t at) { return std::to_integer<unsigned>(bytes[at]); };
    Packet p;
    p.pid = (u8(1) & 0x1f) << 8 | u8(2);
    p.damaged = (u8(1) & 0x80) != 0;
    p.start = (u8(1) & 0x40) != 0;
    p.scrambled = (u8(3) & 0xc0) != 0;
    p.has_payload = (u8(3) & 0x10) != 0;
    p.counter = u8(3) & 15;
    std::size_t at = 4;
    if ((u8(3) & 0x20) != 0) {
        const std::size_t length = u8(4);
        if (length > kPacket - 5) return std::nullopt;
        parse_adaptation(bytes.subspan(5, length), p);
        at += 1 + length;
    }
    if (p.has_payload) p.payload = bytes.subspan(at);
    return p;
}

}  // namespace sg::formats::ts
