#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

#include <protocols/rtp_reorder.hpp>

/// Two bytes of length and one of time before each datagram.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    sg::protocols::RtpReorder reorder([](std::span<const std::byte>) {});
    sg::protocols::RtpReorder::Time now{};
    auto bytes = std::as_bytes(std::span(data, size));
    while (bytes.size() >= 3) {
        const auto length = std::min(
            bytes.size() - 3,
            std::to_integer<std::size_t>(bytes[0]) << 8U | std::to_integer<std::size_t>(bytes[1]));
        now += std::chrono::milliseconds(std::to_integer<int>(bytes[2]));
        reorder.push(bytes.subspan(3, length), now);
        if (reorder.waiting() > 65) __builtin_trap();
        bytes = bytes.subspan(3 + length);
    }
    return 0;
}
