#include <algorithm>

#include <formats/byte_reader.hpp>
#include <protocols/rtmp_link.hpp>

#include "rtmp_command.hpp"

namespace sg::protocols {

RtmpLink::RtmpLink(RtmpHandshake::Role role, const RtmpChunkLimits& limits, std::uint64_t seed)
    : handshake_(role, seed), reader_(limits) {
    output_.swap(handshake_.output());
}

Result<bool> RtmpLink::next(std::span<const std::byte>& input, RtmpMessage& message) {
    const std::size_t before = input.size();
    SG_TRY_ASSIGN(const bool whole, take(input, message));
    received_ += before - input.size();
    acknowledge();
    return whole;
}

Result<bool> RtmpLink::take(std::span<const std::byte>& input, RtmpMessage& message) {
    if (!handshake_.done()) {
        SG_TRY(handshake_.receive(input));
        std::vector<std::byte>& answer = handshake_.output();
        output_.insert(output_.end(), answer.begin(), answer.end());
        answer.clear();
        if (!handshake_.done()) return false;
    }
    while (true) {
        SG_TRY_ASSIGN(const bool whole, reader_.next(input, message));
        if (!whole) return false;
        if (message.type == RtmpType::kUserControl) {
            SG_TRY(rtmp::answer_ping(writer_, message, output_));
        } else if (message.type == RtmpType::kWindowAckSize) {
            formats::ByteReader reader(message.payload.bytes());
            // A window of a few bytes would make us answer each of its packets.
            const std::uint32_t window = reader.u32();
            if (reader.ok()) ack_window_ = std::max<std::uint32_t>(window, 64 << 10);
        } else {
            return true;
        }
    }
}

void RtmpLink::acknowledge() {
    // Section 5.4.3. The sequence number wraps at 32 bits.
    if (received_ - acknowledged_ < ack_window_) return;
    acknowledged_ = received_;
    rtmp::write_number(
        writer_, RtmpType::kAcknowledgement, static_cast<std::uint32_t>(received_), output_);
}

}  // namespace sg::protocols
