#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <formats/ts_writer.hpp>

namespace sg::tests {

/// The checksums of sections are more than a fuzzer guesses: they are put right where a packet
/// holds a whole one.
inline void repair_sections(std::vector<std::byte>& packets) {
    using formats::ts::kPacketBytes;
    for (std::size_t at = 0; at + kPacketBytes <= packets.size(); at += kPacketBytes) {
        const std::span<std::byte> packet(packets.data() + at, kPacketBytes);
        packet[0] = std::byte{0x47};
        const bool start = (packet[1] & std::byte{0x40}) != std::byte{0};
        if (!start || (packet[3] & std::byte{0x30}) != std::byte{0x10}) continue;
        const std::size_t from = 5 + std::to_integer<std::size_t>(packet[4]);
        if (from + 12 > kPacketBytes ||
            (packet[from] > std::byte{2} && packet[from] != std::byte{0xfc}))
            continue;
        const std::size_t size = 3 + (std::to_integer<std::size_t>(packet[from + 1]) & 0x0f) * 256 +
                                 std::to_integer<std::size_t>(packet[from + 2]);
        if (size < 12 || from + size > kPacketBytes) continue;
        const std::uint32_t crc = formats::ts::section_crc(packet.subspan(from, size - 4));
        for (std::size_t i = 0; i < 4; ++i)
            packet[from + size - 4 + i] = static_cast<std::byte>(crc >> (24 - 8 * i));
    }
}

}  // namespace sg::tests
