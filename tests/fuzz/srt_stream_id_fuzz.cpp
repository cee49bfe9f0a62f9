#include <cstddef>
#include <cstdint>
#include <string_view>

#include <protocols/srt_stream_id.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto id = sg::protocols::parse_srt_stream_id(text);
    if (id && id->shown().size() > 2 * sg::protocols::kMaxSrtStreamId) __builtin_trap();
    return 0;
}
