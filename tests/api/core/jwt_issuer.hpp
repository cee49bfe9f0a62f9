#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <support/catch.hpp>

namespace sg::api::test {

inline std::string to_base64url(std::string_view bytes) {
    constexpr std::string_view kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::string out;
    unsigned held = 0;
    unsigned bits = 0;
    for (const char c : bytes) {
        held = (held << 8U) | static_cast<unsigned char>(c);
        bits += 8;
        while (bits >= 6) {
            bits -= 6;
            out.push_back(kDigits[(held >> bits) & 63U]);
        }
    }
    if (bits > 0) out.push_back(kDigits[(held << (6 - bits)) & 63U]);
    return out;
}

/// A key pair that signs tokens as an issuer does.
class SigningKey {
  public:
    enum class Kind { kRsa, kP256, kP384, kEd25519 };
    SigningKey(Kind kind, std::string kid, int rsa_bits = 2048)
        : kind_(kind), kid_(std::move(kid)) {
        switch (kind) {
            case Kind::kRsa:
                key_ = EVP_RSA_gen(static_cast<unsigned>(rsa_bits));
                break;
            case Kind::kP256:
                key_ = EVP_EC_gen("P-256");
                break;
            case Kind::kP384:
                key_ = EVP_EC_gen("P-384");
                break;
            case Kind::kEd25519:
                key_ = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
                break;
        }
        REQUIRE(key_ != nullptr);
    }
    ~SigningKey() { EVP_PKEY_free(key_); }
    SigningKey(const SigningKey&) = delete;
    SigningKey& operator=(const SigningKey&) = delete;

    [[nodiscard]] nlohmann::json jwk() const {
        nlohmann::json out{{"kid", kid_}, {"use", "sig"}};
        if (kind_ == Kind::kRsa) {
            out["kty"] = "RSA";
            out["n"] = number(OSSL_PKEY_PARAM_RSA_N, 0);
            out["e"] = number(OSSL_PKEY_PARAM_RSA_E, 0);
        } else if (kind_ == Kind::kEd25519) {
            unsigned char raw[32];
            std::size_t size = sizeof raw;
            REQUIRE(EVP_PKEY_get_raw_public_key(key_, raw, &size) == 1);
            out["kty"] = "OKP";
            out["crv"] = "Ed25519";
            out["x"] = to_base64url({reinterpret_cast<char*>(raw), size});
        } else {
            const int bytes = kind_ == Kind::kP256 ? 32 : 48;
            out["kty"] = "EC";
            out["crv"] = kind_ == Kind::kP256 ? "P-256" : "P-384";
            out["x"] = number(OSSL_PKEY_PARAM_EC_PUB_X, bytes);
            out["y"] = number(OSSL_PKEY_PARAM_EC_PUB_Y, bytes);
        }
        return out;
    }

    [[nodiscard]] std::string token_with(const nlohmann::json& header,
                                         const nlohmann::json& claims) const {
        const auto text = to_base64url(header.dump()) + "." + to_base64url(claims.dump());
        return text + "." + to_base64url(sign(text, header.value("alg", "")));
    }
    [[nodiscard]] std::string token(const std::string& algorithm,
                                    const nlohmann::json& claims) const {
        return token_with(nlohmann::json{{"alg", algorithm}, {"kid", kid_}, {"typ", "JWT"}},
                          claims);
    }

  private:
    [[nodiscard]] std::string number(const char* name, int bytes) const {
        BIGNUM* value = nullptr;
        REQUIRE(EVP_PKEY_get_bn_param(key_, name, &value) == 1);
        std::string raw(static_cast<std::size_t>(bytes > 0 ? bytes : BN_num_bytes(value)), '\0');
        BN_bn2binpad(
            value, reinterpret_cast<unsigned char*>(raw.data()), static_cast<int>(raw.size()));
        BN_free(value);
        return to_base64url(raw);
    }
    [[nodiscard]] std::string sign(const std::string& text, const std::string& algorithm) const {
        EVP_MD_CTX* context = EVP_MD_CTX_new();
        EVP_PKEY_CTX* options = nullptr;
        const auto* digest = kind_ == Kind::kEd25519 ? nullptr : EVP_sha256();
        REQUIRE(EVP_DigestSignInit(context, &options, digest, nullptr, key_) == 1);
        if (algorithm == "PS256") {
            EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING);
            EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST);
        }
        const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
        std::size_t size = 0;
        REQUIRE(EVP_DigestSign(context, nullptr, &size, bytes, text.size()) == 1);
        std::string out(size, '\0');
        REQUIRE(
            EVP_DigestSign(
                context, reinterpret_cast<unsigned char*>(out.data()), &size, bytes, text.size()) ==
            1);
        out.resize(size);
        EVP_MD_CTX_free(context);
        if (kind_ != Kind::kP256 && kind_ != Kind::kP384) return out;
        const auto* der = reinterpret_cast<const unsigned char*>(out.data());
        ECDSA_SIG* parts = d2i_ECDSA_SIG(nullptr, &der, static_cast<long>(out.size()));
        REQUIRE(parts != nullptr);
        const int half = kind_ == Kind::kP256 ? 32 : 48;
        std::string raw(static_cast<std::size_t>(half) * 2, '\0');
        auto* to = reinterpret_cast<unsigned char*>(raw.data());
        BN_bn2binpad(ECDSA_SIG_get0_r(parts), to, half);
        BN_bn2binpad(ECDSA_SIG_get0_s(parts), to + half, half);
        ECDSA_SIG_free(parts);
        return raw;
    }

    Kind kind_;
    std::string kid_;
    EVP_PKEY* key_ = nullptr;
};

}  // namespace sg::api::test
