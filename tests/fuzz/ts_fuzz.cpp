#include <cstddef>
#include <cstdint>
#include <span>

#include <formats/ts_reader.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sg::formats;
    const auto bytes = std::as_bytes(std::span(data, size));
    const auto parsed = ts::parse_ts(bytes);
    if (parsed) (void)ts::parse_ts(bytes, parsed->continuity).has_value();
    return 0;
}
