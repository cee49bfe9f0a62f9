#include <algorithm>

#include <fmt/format.h>

#include <protocols/rtmp_handshake.hpp>

#include "rtmp_digest.hpp"

namespace sg::protocols {
namespace {

constexpr std::byte kVersion{3};
/// A C1 or S1 with a version other than zero in bytes 4 to 7 offers a digest.
constexpr std::size_t kVersionAt = 4;
constexpr std::byte kPlayerVersion[4] = {std::byte{9}, std::byte{0}, std::byte{124}, std::byte{2}};
constexpr std::byte kServerVersion[4] = {std::byte{3}, std::byte{5}, std::byte{1}, std::byte{1}};

/// xorshift64: the bytes need only look different from one connection to the next.
void fill_random(std::uint64_t& state, std::span<std::byte> into) {
    for (std::byte& byte : into) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        byte = static_cast<std::byte>(state >> 24);
    }
}

}  // namespace

RtmpHandshake::RtmpHandshake(Role role, std::uint64_t seed) : role_(role), random_(seed | 1) {
    if (role_ == Role::kClient) write_first(rtmp::Scheme::kFirstHalf);
}

void RtmpHandshake::write_first(std::optional<rtmp::Scheme> scheme) {
    output_.push_back(kVersion);
    const std::size_t at = output_.size();
    output_.resize(at + kPartSize);
    const std::span<std::byte> part = std::span(output_).subspan(at);
    fill_random(random_, part.subspan(8));
    if (!scheme) return;
    const bool server = role_ == Role::kServer;
    std::copy_n(server ? kServerVersion : kPlayerVersion, 4, part.begin() + kVersionAt);
    rtmp::sign_first(part, server ? rtmp::Peer::kServer : rtmp::Peer::kPlayer, *scheme);
}

void RtmpHandshake::answer_first() {
    const bool server = role_ == Role::kServer;
    const auto others =
        rtmp::find_digest(received_, server ? rtmp::Peer::kPlayer : rtmp::Peer::kServer);
    digest_ = others.has_value();
    if (server) write_first(others ? std::optional(others->scheme) : std::nullopt);
    const std::size_t at = output_.size();
    if (!digest_) {
        // C2 and S2 echo the other side's first part (section 5.2.4).
        output_.insert(output_.end(), received_.begin(), received_.end());
        return;
    }
    output_.resize(at + kPartSize);
    const std::span<std::byte> part = std::span(output_).subspan(at);
    fill_random(random_, part);
    rtmp::sign_second(part, server ? rtmp::Peer::kServer : rtmp::Peer::kPlayer, others->digest);
}

Status RtmpHandshake::receive(std::span<const std::byte>& input) {
    if (state_ == State::kVersion && !input.empty()) {
        // Clients that offer other versions have to live with 3 (section 5.2.2); a text protocol's
        // first letter is beyond all of them.
        const auto version = std::to_integer<unsigned>(input.front());
        if (version == 6 || version == 8) {
            return Error{Errc::kUnsupported,
                         fmt::format("the peer wants encrypted RTMPE (version {}); use rtmps:// "
                                     "instead",
                                     version)};
        }
        if (version == 0x16) {
            return Error{Errc::kBadData,
                         "the peer speaks TLS to a plain RTMP port; use rtmp:// here, or the port "
                         "for rtmps://"};
        }
        if (version < 3 || version > 31) {
            return Error{
                Errc::kBadData,
                fmt::format("the peer speaks no RTMP: its first byte is {:#04x}", version)};
        }
        input = input.subspan(1);
        state_ = State::kFirst;
    }
    while (state_ != State::kDone && state_ != State::kVersion && !input.empty()) {
        const std::size_t count = std::min(input.size(), kPartSize - filled_);
        std::copy_n(input.begin(), count, received_.begin() + static_cast<std::ptrdiff_t>(filled_));
        input = input.subspan(count);
        filled_ += count;
        if (filled_ < kPartSize) break;
        filled_ = 0;
        if (state_ == State::kFirst) {
            answer_first();
            state_ = State::kSecond;
        } else {
            // C2 and S2 are not looked at: clients that echo wrongly are many, and nothing follows
            // from it.
            state_ = State::kDone;
        }
    }
    return {};
}

}  // namespace sg::protocols
