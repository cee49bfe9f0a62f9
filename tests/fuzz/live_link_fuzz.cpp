#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <variant>

#include <engine/live_link.hpp>

namespace {

template <class Decode>
void check(std::string_view bytes, Decode decode) {
    const auto message = decode(bytes);
    if (!message) return;
    const auto text =
        std::visit([](const auto& each) { return sg::engine::encode(each); }, *message);
    const auto again = decode(text);
    if (!again) std::abort();
    const auto same = std::visit([](const auto& each) { return sg::engine::encode(each); }, *again);
    if (same != text) std::abort();
}

}  // namespace

// Any bytes are a message or an error; a message that was read writes bytes that read as the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    check(bytes, sg::engine::decode_live_input);
    check(bytes, sg::engine::decode_live_output);
    return 0;
}
