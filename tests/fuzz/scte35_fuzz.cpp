#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <formats/scte35.hpp>
#include <formats/ts_writer.hpp>

/// The checksum is made right, else nothing would get past it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 3 || size > 4092) return 0;
    const auto bytes = std::as_bytes(std::span(data, size));
    std::vector<std::byte> section(bytes.begin(), bytes.end());
    section[0] = std::byte{0xfc};
    const std::size_t length = size + 4 - 3;
    section[1] = static_cast<std::byte>(length >> 8U & 0xfU);
    section[2] = static_cast<std::byte>(length & 0xffU);
    const std::uint32_t crc = sg::formats::ts::section_crc(section);
    for (int shift = 24; shift >= 0; shift -= 8)
        section.push_back(static_cast<std::byte>(crc >> static_cast<unsigned>(shift) & 0xffU));
    const auto splice = sg::formats::scte35::parse_section(section);
    if (splice && splice->pts && *splice->pts >= (std::uint64_t{1} << 33U)) __builtin_trap();
    static_cast<void>(sg::formats::scte35::parse_section(bytes));
    return 0;
}
