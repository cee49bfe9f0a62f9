#include "webhook_signature.hpp"

#include <array>

#include <api/secret_box.hpp>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base64.hpp"

namespace sg::api {
namespace {

constexpr std::string_view kPrefix = "whsec_";
constexpr std::size_t kSecretBytes = 24;

}  // namespace

std::string make_webhook_secret() {
    return std::string(kPrefix) + to_base64(random_bytes(kSecretBytes));
}

std::optional<std::string> webhook_signature(std::string_view secret,
                                             std::string_view id,
                                             std::int64_t unix_seconds,
                                             std::string_view body) {
    if (!secret.starts_with(kPrefix)) return std::nullopt;
    const auto key = from_base64(secret.substr(kPrefix.size()));
    if (!key || key->empty()) return std::nullopt;
    const auto message = fmt::format("{}.{}.{}", id, unix_seconds, body);
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    HMAC(EVP_sha256(),
         key->data(),
         static_cast<int>(key->size()),
         reinterpret_cast<const unsigned char*>(message.data()),
         message.size(),
         digest.data(),
         &size);
    return "v1," + to_base64({reinterpret_cast<const char*>(digest.data()), size});
}

}  // namespace sg::api
