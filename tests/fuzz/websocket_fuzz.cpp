#include <cstddef>
#include <cstdint>
#include <string_view>

#include "websocket_frames.hpp"

// A client's bytes, in two runs so that frames are cut.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sg::api;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    WebSocketReader reader(1'000);
    const auto cut = size == 0 ? 0 : data[0] % size;
    for (const auto run : {bytes.substr(0, cut), bytes.substr(cut)}) {
        reader.push(run);
        for (;;) {
            const auto next = reader.next();
            const auto* message = std::get_if<WebSocketMessage>(&next);
            if (message == nullptr) break;
            if (message->payload.size() > 1'000) __builtin_trap();
        }
    }
    static_cast<void>(websocket_accept(bytes));
    return 0;
}
