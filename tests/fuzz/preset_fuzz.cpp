#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <presets/loader.hpp>

using namespace sg::presets;

// Whatever the bytes are: no crash, no throw, and what loads reads back equal from its canonical
// JSON.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    (void)check_text(text, "fuzz");
    (void)preset_from_json(text);
    if (const auto preset = preset_from_text(text, "fuzz")) {
        const auto again = preset_from_json(canonical_json(*preset));
        if (!again || digest(*again) != digest(*preset)) std::abort();
        (void)describe(*preset);
    }
    return 0;
}
