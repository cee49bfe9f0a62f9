#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "body_decoder.hpp"

/// Chunks give the same body whole and byte by byte, and never more than came.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using sg::server::BodyDecoder;
    using State = BodyDecoder::Step::State;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    std::size_t bodies[2] = {0, 0};
    State ends[2] = {State::kNeedMore, State::kNeedMore};
    for (int run = 0; run < 2; ++run) {
        auto decoder = BodyDecoder::chunked();
        std::size_t at = 0;
        std::size_t seen = run == 0 ? size : 0;
        for (;;) {
            const auto step = decoder.next(text.substr(at, seen - at));
            if (step.framing + step.bytes.size() > seen - at) std::abort();
            at += step.framing + step.bytes.size();
            bodies[run] += step.bytes.size();
            ends[run] = step.state;
            if (step.state == State::kBytes) continue;
            if (step.state != State::kNeedMore || seen == size) break;
            ++seen;
        }
    }
    if (bodies[0] != bodies[1] || ends[0] != ends[1] || bodies[0] > size) std::abort();
    return 0;
}
