// A compromised child's bytes: any split, any claim of descriptors.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <utility>
#include <vector>

#include <process/message.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const std::size_t step = std::size_t{1} + data[0];
    std::vector<sg::UniqueFd> fds(data[1] % 4);
    auto rest = std::as_bytes(std::span(data, size)).subspan(2);

    sg::process::MessageLimits limits;
    limits.max_payload_bytes = 4096;
    limits.max_fds = 2;
    sg::process::MessageDecoder decoder(limits);
    if (!decoder.add_fds(std::move(fds))) return 0;
    while (!rest.empty()) {
        auto part = rest.first(std::min(step, rest.size()));
        rest = rest.subspan(part.size());
        while (!part.empty()) {
            const auto message = decoder.decode(part);
            if (!message) {
                if (decoder.decode(part)) std::abort();
                return 0;
            }
            if (!message->has_value()) continue;
            if ((*message)->payload.size() > limits.max_payload_bytes) std::abort();
            if ((*message)->fds.size() > limits.max_fds) std::abort();
            const sg::Error error = sg::process::decode_error((*message)->payload);
            if (error.message.empty() || error.message.find('\n') != std::string::npos) {
                std::abort();
            }
        }
    }
    return 0;
}
