#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include <formats/amf0.hpp>

/// What was accepted is written, must be accepted again and be written as the same bytes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sg::formats;
    const auto values = read_amf0(std::as_bytes(std::span(data, size)));
    if (!values) return 0;
    std::vector<std::byte> first;
    for (const Amf0Value& value : *values) write_amf0(value, first);
    const auto again = read_amf0(first);
    if (!again) std::abort();
    std::vector<std::byte> second;
    for (const Amf0Value& value : *again) write_amf0(value, second);
    if (first != second) std::abort();
    return 0;
}
