#include "ts_pes.hpp"

#include <algorithm>

#include <formats/byte_reader.hpp>

namespace sg::formats::ts {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::size_t kFixedHeader = 9;
/// Above this the length field may have cut a picture in two.
constexpr std::size_t kLengthNearLimit = 65'000;
constexpr unsigned kEndsToBelieve = 8;

/// Stream ids whose PES packets have no header beyond the length (Table 2-21): maps, padding,
/// private stream 2, ECM, EMM, directory, DSM-CC.
bool has_plain_payload(unsigned id) {
    return id == 0xbc || id == 0xbe || id == 0xbf || id == 0xf0 || id == 0xf1 || id == 0xf2 ||
           id == 0xf8 || id == 0xff;
}

std::optional<std::int64_t> read_time(ByteReader& from) {
    const std::int64_t a = from.u8();
    const std::int64_t b = from.u16();
    const std::int64_t c = from.u16();
    if (!from.ok() || (a & b & c & 1) == 0) return std::nullopt;
    return (a >> 1 & 7) << 30 | (b >> 1) << 15 | c >> 1;
}

}  // namespace

void PesReader::payload(Bytes bytes, bool start, bool stuffed) {
    if (start) {
        if (state_ == State::kPayload && left_ && *left_ > 0) {
            ++counters_.bad_pes;
            splitter_->lost();
        }
        learn_ends();
        header_.clear();
        left_.reset();
        state_ = State::kHeader;
    } else if (stuffed_last_) {
        // The PES packet went on behind stuffing.
        never_believe_ = true;
        believes_stuffing_ = false;
    }
    stuffed_last_ = stuffed;
    if (state_ == State::kHeader) bytes = take_header(bytes);
    if (state_ != State::kPayload) return;
    if (left_) {
        bytes = bytes.first(std::min(bytes.size(), *left_));
        *left_ -= bytes.size();
    }
    if (!bytes.empty()) splitter_->data(bytes);
    if (left_ ? *left_ == 0 : stuffed && believes_stuffing_) {
        if (!left_ || ends_unit_) splitter_->end_pes();
        if (left_) state_ = State::kIdle;
    }
}

void PesReader::learn_ends() {
    if (stuffed_last_ && !never_believe_ && ++stuffed_ends_ >= kEndsToBelieve)
        believes_stuffing_ = true;
}

Bytes PesReader::take_header(Bytes bytes) {
    if (!header_.empty()) {
        // It is short of what one packet holds, so this is rare.
        header_.insert(header_.end(), bytes.begin(), bytes.end());
        bytes = header_;
    }
    const std::optional<std::size_t> size = parse_header(bytes);
    if (!size) {
        if (state_ == State::kHeader && header_.empty()) header_.assign(bytes.begin(), bytes.end());
        return {};
    }
    state_ = State::kPayload;
    return bytes.subspan(*size);
}

/// Size of the header; nothing when more is needed, or when it is damaged (then the state is idle).
std::optional<std::size_t> PesReader::parse_header(Bytes bytes) {
    if (bytes.size() < kFixedHeader) return std::nullopt;
    ByteReader from(bytes);
    const bool prefix = from.u24() == 1;
    const unsigned id = from.u8();
    const std::size_t length = from.u16();
    const unsigned marks = from.u8();
    const unsigned flags = from.u8();
    const std::size_t header = from.u8();
    const bool plain = has_plain_payload(id);
    const std::size_t size = kFixedHeader + header;
    if (!prefix || plain || (marks & 0xc0) != 0x80 || (length != 0 && length + 6 < size)) {
        if (!prefix || !plain) ++counters_.bad_pes;
        state_ = State::kIdle;
        return std::nullopt;
    }
    if (bytes.size() < size) return std::nullopt;
    ByteReader fields(from.bytes(header));
    PesTimes times;
    if ((flags & 0x80) != 0) times.pts = read_time(fields);
    if ((flags & 0xc0) == 0xc0) times.dts = read_time(fields);
    if (times.pts) last_pts_ = times.pts;
    if (length != 0) left_ = length + 6 - size;
    ends_unit_ = length != 0 && length < kLengthNearLimit;
    splitter_->begin_pes(times);
    return size;
}

void PesReader::lost() {
    // The end of one PES packet and the start of the next may be among what is missing.
    if (state_ == State::kHeader) state_ = State::kIdle;
    left_.reset();
    ends_unit_ = false;
    stuffed_last_ = false;
    splitter_->lost();
}

void PesReader::flush() {
    splitter_->flush();
    state_ = State::kIdle;
    stuffed_last_ = false;
}

void PesReader::announce_discontinuity(bool at_start) {
    if (at_start) splitter_->flush();
    splitter_->announce_discontinuity();
}

}  // namespace sg::formats::ts
