#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include <engine/index.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    const auto index = sg::engine::index_from_json(text);
    if (!index) return 0;
    // What was read is written so that it reads the same again.
    const auto written = sg::engine::to_json(*index);
    const auto again = sg::engine::index_from_json(written);
    if (!again || sg::engine::to_json(*again) != written) std::abort();
    (void)sg::engine::describe(*index);
    return 0;
}
