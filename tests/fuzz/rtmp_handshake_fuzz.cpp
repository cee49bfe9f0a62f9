#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include <protocols/rtmp_handshake.hpp>

/// Either side, with bytes repeated until they would be enough for a whole handshake.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sg::protocols;
    if (size == 0) return 0;
    for (const auto role : {RtmpHandshake::Role::kServer, RtmpHandshake::Role::kClient}) {
        RtmpHandshake handshake(role, data[0]);
        std::size_t fed = 0;
        while (!handshake.done() && fed < 2 * RtmpHandshake::kPartSize + 1 + size) {
            std::span<const std::byte> input = std::as_bytes(std::span(data, size));
            if (!handshake.receive(input)) return 0;
            if (!input.empty() && !handshake.done()) std::abort();
            fed += size;
        }
        if (!handshake.done()) std::abort();
        if (handshake.output().size() != 1 + 2 * RtmpHandshake::kPartSize) std::abort();
    }
    return 0;
}
