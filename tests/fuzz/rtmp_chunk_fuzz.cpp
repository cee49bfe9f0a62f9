#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include <protocols/rtmp_server_session.hpp>

namespace {

using namespace sg::protocols;

constexpr RtmpChunkLimits kLimits{
    .message_bytes = 1 << 16, .partial_bytes = 1 << 17, .chunk_streams = 8};

struct Outcome {
    std::vector<RtmpMessage> messages;
    bool failed = false;
};

/// Reads in pieces of `step` bytes, as a connection does.
Outcome read(std::span<const std::byte> bytes, std::size_t step) {
    Outcome outcome;
    RtmpChunkReader reader(kLimits);
    std::vector<std::byte> held;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
        const auto piece = bytes.subspan(at, std::min(step, bytes.size() - at));
        held.insert(held.end(), piece.begin(), piece.end());
        std::span<const std::byte> input = held;
        while (true) {
            RtmpMessage message;
            const auto whole = reader.next(input, message);
            if (!whole) {
                outcome.failed = true;
                return outcome;
            }
            if (!*whole) break;
            outcome.messages.push_back(std::move(message));
        }
        if (input.size() >= 20 || reader.partial_bytes() > kLimits.partial_bytes) std::abort();
        held.assign(input.begin(), input.end());
    }
    return outcome;
}

}  // namespace

/// The pieces in which bytes come make no difference; and a whole session, past its handshake,
/// survives them.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = std::as_bytes(std::span(data, size));
    const Outcome whole = read(bytes, std::max<std::size_t>(size, 1));
    const Outcome pieces = read(bytes, 7);
    if (whole.failed != pieces.failed || whole.messages.size() != pieces.messages.size()) {
        std::abort();
    }
    for (std::size_t i = 0; i < whole.messages.size(); ++i) {
        if (whole.messages[i].timestamp != pieces.messages[i].timestamp ||
            !std::ranges::equal(whole.messages[i].payload.bytes(),
                                pieces.messages[i].payload.bytes())) {
            std::abort();
        }
    }

    RtmpServerSession session(kLimits, 1);
    std::vector<std::byte> handshake(1 + 2 * RtmpHandshake::kPartSize);
    handshake[0] = std::byte{3};
    std::span<const std::byte> input = handshake;
    if (!session.advance(input)) std::abort();
    input = bytes;
    while (true) {
        const auto event = session.advance(input);
        if (!event || *event == RtmpServerSession::Event::kNeedInput) break;
        if (*event == RtmpServerSession::Event::kPublish) {
            (void)session.publish_request().argument("key");
            session.accept_publish();
        }
    }
    return 0;
}
