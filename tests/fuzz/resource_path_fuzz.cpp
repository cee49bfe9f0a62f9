#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "resource_path.hpp"

/// What was taken apart are pieces of the path itself.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view path(reinterpret_cast<const char*>(data), size);
    const auto parsed = sg::live::parse_resource_path(path);
    if (!parsed) return 0;
    if (parsed->file.size() > size || parsed->epoch.size() > size || parsed->number < 0)
        std::abort();
    if (!parsed->rendition.empty() && parsed->rendition.data() != path.data()) std::abort();
    return 0;
}
