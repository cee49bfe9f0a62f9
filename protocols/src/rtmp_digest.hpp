#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>

namespace sg::protocols::rtmp {

/// The digests that Flash Media Server and Flash Player put into their handshakes. No document of
/// Adobe describes them; every client and server of today agrees on them.
inline constexpr std::size_t kDigestSize = 32;
using Digest = std::array<std::byte, kDigestSize>;

enum class Peer { kServer, kPlayer };

/// Where in C1 or S1 the digest lies: in its second or in its first half.
enum class Scheme { kFirstHalf, kSecondHalf };

/// Writes the digest of `from` into its C1 or S1.
void sign_first(std::span<std::byte> part, Peer from, Scheme scheme);

struct Found {
    Scheme scheme;
    Digest digest;
};
/// The digest in a C1 or S1 made by `from`, when there is a right one.
[[nodiscard]] std::optional<Found> find_digest(std::span<const std::byte> part, Peer from);

/// Writes into the last 32 bytes of C2 or S2 the proof that `from` saw the other's digest.
void sign_second(std::span<std::byte> part, Peer from, const Digest& others);

}  // namespace sg::protocols::rtmp
