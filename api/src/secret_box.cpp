#include <array>
#include <memory>

#include <api/secret_box.hpp>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sys/stat.h>

#include <base/digest.hpp>
#include <base/file.hpp>

#include "base64.hpp"
#include "key_file.hpp"

namespace sg::api {
namespace {

constexpr std::size_t kKeyBytes = 32;
constexpr int kNonceBytes = 12;
constexpr int kTagBytes = 16;

using Cipher = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

const unsigned char* raw(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

std::string hex(std::string_view bytes) {
    std::string out;
    for (const char c : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
    return out;
}

Result<std::string> key_of(std::string_view text, const std::filesystem::path& path) {
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
    std::string key;
    const auto digit = [](char c) {
        return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    };
    for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
        const int high = digit(text[i]);
        const int low = digit(text[i + 1]);
        if (high < 0 || low < 0) break;
        key.push_back(static_cast<char>(high * 16 + low));
    }
    if (text.size() != 2 * kKeyBytes || key.size() != kKeyBytes) {
        return Error{Errc::kBadData,
                     fmt::format("read the key in {}: it is not 64 hex digits; restore the file "
                                 "from a back-up",
                                 path.string())};
    }
    return key;
}

}  // namespace

std::string random_bytes(std::size_t count) {
    std::string out(count, '\0');
    // OpenSSL reseeds from the kernel; it fails only where the kernel has no randomness at all.
    if (RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(count)) != 1) {
        std::abort();
    }
    return out;
}

Result<SecretBox> SecretBox::open(const std::filesystem::path& key_file) {
    auto text = read_file(key_file, 4096);
    if (!text && text.error().code == Errc::kNotFound) {
        SG_TRY(make_folders(key_file.parent_path()));
        auto key = random_bytes(kKeyBytes);
        SG_TRY(make_key_file(key_file, hex(key) + "\n"));
        return SecretBox(std::move(key));
    }
    if (!text) return std::move(text).error();
    struct stat info {};
    if (::stat(key_file.c_str(), &info) == 0 && (info.st_mode & 077U) != 0) {
        return Error{Errc::kPermission,
                     fmt::format("read the key in {}: other users may read it; run chmod 600 on it",
                                 key_file.string())};
    }
    SG_TRY_ASSIGN(auto key, key_of(*text, key_file));
    return SecretBox(std::move(key));
}

std::string SecretBox::seal(std::string_view secret, std::string_view context) const {
    const Cipher cipher(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
    const auto nonce = random_bytes(kNonceBytes);
    std::string out(nonce.size() + secret.size() + kTagBytes, '\0');
    nonce.copy(out.data(), nonce.size());
    auto* body = reinterpret_cast<unsigned char*>(out.data()) + kNonceBytes;
    int size = 0;
    EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, raw(key_), raw(nonce));
    EVP_EncryptUpdate(cipher.get(), nullptr, &size, raw(context), static_cast<int>(context.size()));
    EVP_EncryptUpdate(cipher.get(), body, &size, raw(secret), static_cast<int>(secret.size()));
    EVP_EncryptFinal_ex(cipher.get(), body + size, &size);
    EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, body + secret.size());
    return to_base64(out);
}

Result<std::string> SecretBox::unseal(std::string_view sealed, std::string_view context) const {
    const Error damaged{Errc::kBadData,
                        fmt::format("decrypt the secret of {}: it was changed, or the key file is "
                                    "not the one it was written with",
                                    context)};
    auto bytes = from_base64(sealed);
    if (!bytes || bytes->size() < kNonceBytes + kTagBytes) return damaged;
    const Cipher cipher(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
    const auto length = bytes->size() - kNonceBytes - kTagBytes;
    const auto* body = raw(*bytes) + kNonceBytes;
    std::string out(length, '\0');
    auto* into = reinterpret_cast<unsigned char*>(out.data());
    int size = 0;
    EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, raw(key_), raw(*bytes));
    EVP_DecryptUpdate(cipher.get(), nullptr, &size, raw(context), static_cast<int>(context.size()));
    EVP_DecryptUpdate(cipher.get(), into, &size, body, static_cast<int>(length));
    EVP_CIPHER_CTX_ctrl(
        cipher.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, const_cast<unsigned char*>(body + length));
    if (EVP_DecryptFinal_ex(cipher.get(), into + size, &size) != 1) return damaged;
    return out;
}

std::string SecretBox::derive(std::string_view use) const {
    return hmac_sha256_hex(key_, use);
}

}  // namespace sg::api
