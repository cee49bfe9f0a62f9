#include "rtmp_digest.hpp"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace sg::protocols::rtmp {
namespace {

using Bytes = std::span<const std::byte>;

/// Follows the name of either side in its long key.
constexpr std::uint8_t kKeyTail[32] = {
    0xf0, 0xee, 0xc2, 0x4a, 0x80, 0x68, 0xbe, 0xe8, 0x2e, 0x00, 0xd0, 0xd1, 0x02, 0x9e, 0x7e, 0x57,
    0x6e, 0xec, 0x5d, 0x2d, 0x29, 0x80, 0x6f, 0xab, 0x93, 0xb8, 0xe6, 0x36, 0xcf, 0xeb, 0x31, 0xae};

std::string_view name_of(Peer peer) {
    return peer == Peer::kServer ? "Genuine Adobe Flash Media Server 001"
                                 : "Genuine Adobe Flash Player 001";
}

Digest hmac(Bytes key, Bytes data) {
    Digest digest{};
    unsigned size = kDigestSize;
    HMAC(EVP_sha256(),
         key.data(),
         static_cast<int>(key.size()),
         reinterpret_cast<const unsigned char*>(data.data()),
         data.size(),
         reinterpret_cast<unsigned char*>(digest.data()),
         &size);
    return digest;
}

std::size_t offset(Bytes part, Scheme scheme) {
    const std::size_t at = scheme == Scheme::kFirstHalf ? 8 : 772;
    std::size_t sum = 0;
    for (std::size_t i = 0; i < 4; ++i) sum += std::to_integer<std::size_t>(part[at + i]);
    return at + 4 + sum % 728;
}

Digest digest_of(Bytes part, Peer from, std::size_t at) {
    std::vector<std::byte> rest(part.begin(), part.begin() + static_cast<std::ptrdiff_t>(at));
    rest.insert(
        rest.end(), part.begin() + static_cast<std::ptrdiff_t>(at + kDigestSize), part.end());
    return hmac(std::as_bytes(std::span(name_of(from))), rest);
}

}  // namespace

void sign_first(std::span<std::byte> part, Peer from, Scheme scheme) {
    const std::size_t at = offset(part, scheme);
    const Digest digest = digest_of(part, from, at);
    std::copy(digest.begin(), digest.end(), part.begin() + static_cast<std::ptrdiff_t>(at));
}

std::optional<Found> find_digest(Bytes part, Peer from) {
    for (const Scheme scheme : {Scheme::kSecondHalf, Scheme::kFirstHalf}) {
        const std::size_t at = offset(part, scheme);
        const Digest digest = digest_of(part, from, at);
        if (std::equal(digest.begin(), digest.end(), part.subspan(at).begin())) {
            return Found{scheme, digest};
        }
    }
    return std::nullopt;
}

void sign_second(std::span<std::byte> part, Peer from, const Digest& others) {
    const auto name = std::as_bytes(std::span(name_of(from)));
    std::vector<std::byte> key(name.begin(), name.end());
    const auto tail = std::as_bytes(std::span(kKeyTail));
    key.insert(key.end(), tail.begin(), tail.end());
    const Digest bound = hmac(key, others);
    const std::size_t at = part.size() - kDigestSize;
    const Digest proof = hmac(bound, part.first(at));
    std::copy(proof.begin(), proof.end(), part.begin() + static_cast<std::ptrdiff_t>(at));
}

}  // namespace sg::protocols::rtmp
