#include <utility>

#include <protocols/rtp_reorder.hpp>

namespace sg::protocols {
namespace {

constexpr std::size_t kHeaderBytes = 12;
/// Beyond this a sequence number is no late or early packet, but another count.
constexpr std::int64_t kFar = 1000;
/// So many in a row that are far off, and it is the sender that jumped (RFC 3550 appendix A.1).
constexpr unsigned kJumpConfirmed = 3;

unsigned u8(std::span<const std::byte> bytes, std::size_t at) {
    return std::to_integer<unsigned>(bytes[at]);
}

struct Header {
    std::uint16_t sequence = 0;
    std::uint32_t source = 0;
    std::span<const std::byte> payload;
};

std::optional<Header> parse(std::span<const std::byte> bytes) {
    if (bytes.size() < kHeaderBytes || u8(bytes, 0) >> 6U != 2) return std::nullopt;
    const bool padding = (u8(bytes, 0) & 0x20U) != 0;
    const bool extension = (u8(bytes, 0) & 0x10U) != 0;
    Header header;
    header.sequence = static_cast<std::uint16_t>(u8(bytes, 2) << 8U | u8(bytes, 3));
    header.source = u8(bytes, 8) << 24U | u8(bytes, 9) << 16U | u8(bytes, 10) << 8U | u8(bytes, 11);
    std::size_t from = kHeaderBytes + std::size_t{4} * (u8(bytes, 0) & 0x0fU);
    if (extension) {
        if (bytes.size() < from + 4) return std::nullopt;
        from += 4 + std::size_t{4} * (u8(bytes, from + 2) << 8U | u8(bytes, from + 3));
    }
    std::size_t to = bytes.size();
    if (padding) {
        const auto pad = u8(bytes, to - 1);
        if (pad == 0 || pad > to) return std::nullopt;
        to -= pad;
    }
    if (from > to) return std::nullopt;
    header.payload = bytes.subspan(from, to - from);
    return header;
}

}  // namespace

void RtpReorder::push(std::span<const std::byte> datagram, Time now) {
    const auto header = parse(datagram);
    if (!header) {
        ++counters_.malformed;
        return;
    }
    if (source_ != header->source) {
        if (source_) ++counters_.restarts;
        source_ = header->source;
        restart(header->sequence);
    }
    auto sequence = unwrap(header->sequence);
    if (sequence - next_ > kFar || next_ - sequence > kFar) {
        ++counters_.dropped;
        if (++outside_ < kJumpConfirmed) return;
        --counters_.dropped;
        ++counters_.restarts;
        restart(header->sequence);
        sequence = next_;
    }
    outside_ = 0;
    if (sequence < next_ || waiting_.contains(sequence)) {
        ++counters_.dropped;
    } else if (sequence == next_) {
        if (!waiting_.empty()) ++counters_.reordered;
        ++next_;
        deliver(header->payload);
    } else {
        waiting_.emplace(sequence, Waiting{{header->payload.begin(), header->payload.end()}, now});
    }
    drain(now);
}

void RtpReorder::restart(std::uint16_t sequence) {
    for (auto& [number, each] : std::exchange(waiting_, {})) deliver(each.payload);
    next_ = std::int64_t{1} << 32 | sequence;
    outside_ = 0;
}

void RtpReorder::deliver(std::span<const std::byte> payload) {
    ++counters_.packets;
    if (!payload.empty()) sink_(payload);
}

void RtpReorder::drain(Time now) {
    while (!waiting_.empty()) {
        const auto first = waiting_.begin();
        if (first->first != next_) {
            const bool overdue =
                waiting_.size() > limits_.packets || now - first->second.arrival >= limits_.wait;
            if (!overdue) return;
            counters_.lost += static_cast<std::uint64_t>(first->first - next_);
        }
        next_ = first->first + 1;
        const auto each = std::move(first->second);
        waiting_.erase(first);
        deliver(each.payload);
    }
}

std::int64_t RtpReorder::unwrap(std::uint16_t sequence) const {
    const auto expected = static_cast<std::uint16_t>(next_);
    return next_ + static_cast<std::int16_t>(static_cast<std::uint16_t>(sequence - expected));
}

}  // namespace sg::protocols
