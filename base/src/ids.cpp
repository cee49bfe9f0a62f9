#include <cstdint>
#include <random>

#include <fmt/format.h>

#include <base/ids.hpp>

namespace sg {

std::string make_id(std::string_view prefix, const Clock& clock) {
    thread_local std::mt19937_64 random{(static_cast<std::uint64_t>(std::random_device{}()) << 32) ^
                                        std::random_device{}()};
    const auto ms = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(clock.wall().time_since_epoch())
            .count());
    const std::uint64_t a = random();
    const std::uint64_t b = random();
    return fmt::format("{}_{:08x}-{:04x}-7{:03x}-{:04x}-{:012x}",
                       prefix,
                       (ms >> 16) & 0xffffffffU,
                       ms & 0xffffU,
                       a & 0xfffU,
                       0x8000U | ((a >> 12) & 0x3fffU),
                       b & 0xffffffffffffU);
}

}  // namespace sg
