#include <array>
#include <charconv>

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <server/playback_signature.hpp>

#include "request_target.hpp"

namespace sg::server {
namespace {

constexpr std::size_t kDigits = 64;

}  // namespace

std::string PlaybackSignature::digest(std::string_view key,
                                      std::string_view prefix,
                                      std::int64_t expires) {
    const auto message = fmt::format("{}\n{}", prefix, expires);
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
    unsigned int size = 0;
    HMAC(EVP_sha256(),
         key.data(),
         static_cast<int>(key.size()),
         reinterpret_cast<const unsigned char*>(message.data()),
         message.size(),
         bytes.data(),
         &size);
    std::string hex;
    for (unsigned int i = 0; i < size; ++i) hex += fmt::format("{:02x}", bytes[i]);
    return hex;
}

std::string PlaybackSignature::sign(std::string_view prefix, std::int64_t expires) const {
    return fmt::format("exp={}&sig={}", expires, digest(keys_.front(), prefix, expires));
}

std::int64_t PlaybackSignature::expiry_of(std::string_view token) {
    const auto text = query_parameter(token, "exp");
    std::int64_t value = 0;
    if (!text || text->empty()) return 0;
    const auto end = text->data() + text->size();
    const auto result = std::from_chars(text->data(), end, value);
    return result.ec == std::errc() && result.ptr == end && value > 0 ? value : 0;
}

std::string PlaybackSignature::token_of(std::string_view query) {
    const auto signature = query_parameter(query, "sig");
    const auto expires = expiry_of(query);
    if (expires == 0 || !signature || signature->size() != kDigits ||
        signature->find_first_not_of("0123456789abcdef") != std::string_view::npos) {
        return {};
    }
    return fmt::format("exp={}&sig={}", expires, *signature);
}

bool PlaybackSignature::verify(std::string_view prefix,
                               std::string_view token,
                               std::int64_t now) const {
    const auto well_formed = token_of(token);
    const auto expires = expiry_of(token);
    if (well_formed.empty() || expires <= now) return false;
    const auto signature = *query_parameter(well_formed, "sig");
    bool good = false;
    for (const auto& key : keys_) {
        const auto expected = digest(key, prefix, expires);
        // All keys are tried, so that time tells nothing about them.
        good = (expected.size() == signature.size() &&
                CRYPTO_memcmp(expected.data(), signature.data(), signature.size()) == 0) ||
               good;
    }
    return good;
}

}  // namespace sg::server
