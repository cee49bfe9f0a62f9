#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include <protocols/rtmp_client_session.hpp>
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

std::vector<std::byte> zero_handshake() {
    std::vector<std::byte> handshake(1 + 2 * RtmpHandshake::kPartSize);
    handshake[0] = std::byte{3};
    return handshake;
}

void serve(std::span<const std::byte> bytes) {
    RtmpServerSession session(kLimits, 1);
    const auto handshake = zero_handshake();
    std::span<const std::byte> input = handshake;
    if (!session.advance(input)) std::abort();
    input = bytes;
    while (true) {
        const auto event = session.advance(input);
        if (!event || *event == RtmpServerSession::Event::kNeedInput) break;
        if (*event != RtmpServerSession::Event::kPublish) continue;
        if (session.publish_request().argument("key") == "no") {
            session.refuse_publish("NetStream.Publish.BadName", "taken");
        } else {
            session.accept_publish();
            session.request_reconnect("drained");
        }
    }
    session.say_goodbye("enough");
}

/// The bytes are a server's.
void ask(std::span<const std::byte> bytes, RtmpIntent intent) {
    auto url = parse_rtmp_url("rtmp://host/app/name");
    if (!url) std::abort();
    RtmpClientSession session(*std::move(url), intent, kLimits, 1);
    const auto handshake = zero_handshake();
    std::span<const std::byte> input = handshake;
    if (!session.advance(input)) std::abort();
    input = bytes;
    while (true) {
        const auto event = session.advance(input);
        if (!event || *event == RtmpClientSession::Event::kNeedInput) break;
    }
    session.finish();
}

}  // namespace

/// The pieces in which bytes come make no difference; and whole sessions of both sides, past their
/// handshake, survive them.
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

    serve(bytes);
    ask(bytes, RtmpIntent::kPublish);
    ask(bytes, RtmpIntent::kPlay);
    return 0;
}
