#include "body_decoder.hpp"

#include <algorithm>

namespace sg::server {
namespace {

constexpr std::size_t kMaxLineBytes = 1024;
constexpr std::size_t kMaxTrailerBytes = 8192;
constexpr std::size_t kMaxSizeDigits = 15;  // below 2^60: sums cannot overflow

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/// Lines end in CRLF and nothing else: a lone CR or LF is what two servers read differently.
bool has_control(std::string_view line) {
    return std::any_of(line.begin(), line.end(), [](char c) {
        return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
    });
}

}  // namespace

BodyDecoder BodyDecoder::of_length(std::uint64_t bytes) {
    BodyDecoder out;
    out.phase_ = bytes > 0 ? Phase::kLength : Phase::kEnded;
    out.left_ = bytes;
    return out;
}

BodyDecoder BodyDecoder::chunked() {
    BodyDecoder out;
    out.phase_ = Phase::kSizeLine;
    return out;
}

std::optional<std::uint64_t> BodyDecoder::left() const noexcept {
    if (phase_ == Phase::kEnded) return 0;
    if (phase_ == Phase::kLength) return left_;
    return std::nullopt;
}

BodyDecoder::Step BodyDecoder::broken() {
    phase_ = Phase::kBroken;
    return {Step::State::kMalformed, 0, {}};
}

BodyDecoder::Step BodyDecoder::take(std::string_view input, std::size_t framing) {
    const auto bytes = std::min<std::uint64_t>(left_, input.size() - framing);
    if (bytes == 0) return {Step::State::kNeedMore, framing, {}};
    left_ -= bytes;
    if (left_ == 0) phase_ = phase_ == Phase::kLength ? Phase::kEnded : Phase::kChunkEnd;
    return {Step::State::kBytes, framing, input.substr(framing, static_cast<std::size_t>(bytes))};
}

bool BodyDecoder::size_line(std::string_view line) {
    std::uint64_t size = 0;
    std::size_t digits = 0;
    while (digits < line.size() && hex_digit(line[digits]) >= 0) {
        size = size * 16 + static_cast<std::uint64_t>(hex_digit(line[digits]));
        if (++digits > kMaxSizeDigits) return false;
    }
    const auto rest = line.substr(digits);
    if (digits == 0 || (!rest.empty() && rest.front() != ';') || has_control(rest)) return false;
    left_ = size;
    phase_ = size > 0 ? Phase::kChunk : Phase::kTrailer;
    return true;
}

bool BodyDecoder::trailer_line(std::string_view line) {
    if (line.empty()) {
        phase_ = Phase::kEnded;
        return true;
    }
    trailer_bytes_ += line.size();
    const auto colon = line.find(':');
    return trailer_bytes_ <= kMaxTrailerBytes && colon != std::string_view::npos && colon > 0 &&
           line.front() != ' ' && line.front() != '\t' && !has_control(line);
}

BodyDecoder::Step BodyDecoder::next(std::string_view input) {
    std::size_t at = 0;
    for (;;) {
        switch (phase_) {
            case Phase::kEnded:
                return {Step::State::kEnd, at, {}};
            case Phase::kBroken:
                return broken();
            case Phase::kLength:
            case Phase::kChunk:
                return take(input, at);
            case Phase::kChunkEnd: {
                const auto rest = input.substr(at, 2);
                if (rest != std::string_view("\r\n").substr(0, rest.size())) return broken();
                if (rest.size() < 2) return {Step::State::kNeedMore, at, {}};
                at += 2;
                phase_ = Phase::kSizeLine;
                break;
            }
            case Phase::kSizeLine:
            case Phase::kTrailer: {
                const auto rest = input.substr(at);
                const auto end = rest.find('\n');
                if (std::min(end, rest.size()) > kMaxLineBytes) return broken();
                if (end == std::string_view::npos) return {Step::State::kNeedMore, at, {}};
                if (end == 0 || rest[end - 1] != '\r') return broken();
                const auto line = rest.substr(0, end - 1);
                const bool good = phase_ == Phase::kSizeLine ? size_line(line) : trailer_line(line);
                if (!good) return broken();
                at += end + 1;
                break;
            }
        }
    }
}

}  // namespace sg::server
