#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include <formats/m3u8.hpp>

/// What was accepted is written and must be accepted again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sg::formats;
    const auto parsed = m3u8::parse({reinterpret_cast<const char*>(data), size});
    if (!parsed) return 0;
    const std::string text =
        std::visit([](const auto& playlist) { return m3u8::write(playlist); }, *parsed);
    const bool empty = std::visit(
        [](const auto& playlist) {
            if constexpr (requires { playlist.variants; })
                return playlist.renditions.empty() && playlist.variants.empty() &&
                       playlist.iframe_variants.empty();
            else
                return false;
        },
        *parsed);
    if (!empty && !m3u8::parse(text)) std::abort();
    return 0;
}
