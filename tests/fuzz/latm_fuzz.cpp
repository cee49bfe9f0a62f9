#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include <formats/codec_config.hpp>
#include <formats/latm.hpp>

// Elements of a length that their first byte tells.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sg::formats;
    auto bytes = std::as_bytes(std::span(data, size));
    LatmReader reader;
    while (!bytes.empty()) {
        const std::size_t length =
            std::min(std::to_integer<std::size_t>(bytes[0]), bytes.size() - 1);
        if (reader.read(bytes.subspan(1, length))) {
            std::size_t total = 0;
            for (const auto& frame : reader.frames()) total += frame.size();
            if (total > length) std::abort();
            // A configuration that counts is one that a file can hold.
            if (!make_codec_config(Codec::kAac, reader.config())) std::abort();
        }
        bytes = bytes.subspan(1 + length);
    }
    return 0;
}
