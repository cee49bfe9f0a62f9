#include "jwk_set.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "json_body.hpp"

namespace sg::api {
namespace {

using nlohmann::json;

constexpr int kMinRsaBits = 2048;
constexpr int kMaxRsaBits = 8192;
constexpr std::size_t kMaxKeys = 64;
constexpr std::size_t kPointBytes = 32;
constexpr std::size_t kMaxFieldBytes = 2048;

template <class T, void (*Free)(T*)>
struct Deleter {
    void operator()(T* value) const { Free(value); }
};
using Number = std::unique_ptr<BIGNUM, Deleter<BIGNUM, BN_free>>;
using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, Deleter<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Deleter<OSSL_PARAM, OSSL_PARAM_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Deleter<EVP_PKEY_CTX, EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Deleter<EVP_MD_CTX, EVP_MD_CTX_free>>;
using EcSignature = std::unique_ptr<ECDSA_SIG, Deleter<ECDSA_SIG, ECDSA_SIG_free>>;
using Key = std::shared_ptr<evp_pkey_st>;

const unsigned char* raw(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

Number number(std::string_view bytes) {
    return Number(BN_bin2bn(raw(bytes), static_cast<int>(bytes.size()), nullptr));
}

int base64url_digit(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '-') return 62;
    if (c == '_') return 63;
    return -1;
}

std::string text_of(const json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string bytes_of(const json& object, const char* name) {
    const auto text = text_of(object, name);
    if (text.size() > kMaxFieldBytes) return {};
    return from_base64url(text).value_or({});
}

Key make_key(const char* type, OSSL_PARAM_BLD* builder) {
    const Params params(OSSL_PARAM_BLD_to_param(builder));
    const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
    EVP_PKEY* key = nullptr;
    if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
        return nullptr;
    }
    Key made(key, EVP_PKEY_free);
    // The point must lie on its curve.
    const KeyContext check(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
    if (!check || EVP_PKEY_public_check(check.get()) != 1) return nullptr;
    return made;
}

Key rsa_key(const json& fields) {
    const auto modulus = bytes_of(fields, "n");
    const auto exponent = bytes_of(fields, "e");
    if (exponent.empty() || exponent.size() > 8) return nullptr;
    const auto n = number(modulus);
    const auto e = number(exponent);
    const ParamBuilder builder(OSSL_PARAM_BLD_new());
    if (!n || !e || !builder) return nullptr;
    const int bits = BN_num_bits(n.get());
    if (bits < kMinRsaBits || bits > kMaxRsaBits || BN_is_odd(e.get()) == 0 ||
        BN_is_one(e.get()) == 1 ||
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
        return nullptr;
    }
    return make_key("RSA", builder.get());
}

Key p256_key(const json& fields) {
    const auto x = bytes_of(fields, "x");
    const auto y = bytes_of(fields, "y");
    if (x.size() != kPointBytes || y.size() != kPointBytes) return nullptr;
    const auto point = "\x04" + x + y;
    const ParamBuilder builder(OSSL_PARAM_BLD_new());
    if (!builder ||
        OSSL_PARAM_BLD_push_utf8_string(
            builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) != 1 ||
        OSSL_PARAM_BLD_push_octet_string(
            builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) != 1) {
        return nullptr;
    }
    return make_key("EC", builder.get());
}

Key ed25519_key(const json& fields) {
    const auto x = bytes_of(fields, "x");
    if (x.size() != kPointBytes) return nullptr;
    return Key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, raw(x), x.size()),
               [](evp_pkey_st* key) { EVP_PKEY_free(key); });
}

bool for_signatures(const json& fields) {
    const auto use = text_of(fields, "use");
    if (!use.empty() && use != "sig") return false;
    const auto operations = fields.find("key_ops");
    if (operations == fields.end() || !operations->is_array()) return true;
    return std::find(operations->begin(), operations->end(), json("verify")) != operations->end();
}

std::optional<Jwk> read_jwk(const json& fields) {
    if (!fields.is_object() || !for_signatures(fields)) return std::nullopt;
    Jwk out;
    out.kid = text_of(fields, "kid");
    out.alg = text_of(fields, "alg");
    const auto type = text_of(fields, "kty");
    const auto curve = text_of(fields, "crv");
    if (type == "RSA") {
        out.kind = Jwk::Kind::kRsa;
        out.key = rsa_key(fields);
    } else if (type == "EC" && curve == "P-256") {
        out.kind = Jwk::Kind::kP256;
        out.key = p256_key(fields);
    } else if (type == "OKP" && curve == "Ed25519") {
        out.kind = Jwk::Kind::kEd25519;
        out.key = ed25519_key(fields);
    }
    if (!out.key) return std::nullopt;
    return out;
}

/// OpenSSL wants DER, a token has r and s side by side.
std::string der_of(std::string_view signature) {
    if (signature.size() != 2 * kPointBytes) return {};
    const EcSignature parts(ECDSA_SIG_new());
    auto r = number(signature.substr(0, kPointBytes));
    auto s = number(signature.substr(kPointBytes));
    if (!parts || !r || !s || ECDSA_SIG_set0(parts.get(), r.get(), s.get()) != 1) return {};
    static_cast<void>(r.release());
    static_cast<void>(s.release());
    unsigned char* der = nullptr;
    const int size = i2d_ECDSA_SIG(parts.get(), &der);
    if (size <= 0) return {};
    std::string out(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
    OPENSSL_free(der);
    return out;
}

}  // namespace

Result<std::string> from_base64url(std::string_view text) {
    const Error bad{Errc::kBadData, "not base64url"};
    std::string out;
    out.reserve(text.size() * 3 / 4);
    unsigned held = 0;
    unsigned bits = 0;
    for (const char c : text) {
        const int digit = base64url_digit(c);
        if (digit < 0) return bad;
        held = (held << 6U) | static_cast<unsigned>(digit);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out.push_back(static_cast<char>((held >> bits) & 0xffU));
        }
        held &= 0xffU;
    }
    if (bits >= 6 || (held & ((1U << bits) - 1)) != 0) return bad;
    return out;
}

bool Jwk::fits(std::string_view algorithm) const {
    if (!alg.empty() && alg != algorithm) return false;
    switch (kind) {
        case Kind::kRsa:
            return algorithm == "RS256" || algorithm == "PS256";
        case Kind::kP256:
            return algorithm == "ES256";
        case Kind::kEd25519:
            return algorithm == "EdDSA";
    }
    return false;
}

Result<std::vector<Jwk>> read_jwk_set(std::string_view text) {
    const auto read = read_json(text);
    const auto* document = std::get_if<json>(&read);
    if (document == nullptr || !document->is_object() || !document->contains("keys") ||
        !document->at("keys").is_array()) {
        return Error{Errc::kBadData, "read the issuer's keys: not a JSON Web Key Set"};
    }
    std::vector<Jwk> out;
    for (const auto& fields : document->at("keys")) {
        if (out.size() == kMaxKeys) break;
        if (auto key = read_jwk(fields)) out.push_back(std::move(*key));
    }
    return out;
}

bool verify_signature(const Jwk& key,
                      std::string_view algorithm,
                      std::string_view text,
                      std::string_view signature) {
    if (!key.fits(algorithm)) return false;
    const bool edwards = key.kind == Jwk::Kind::kEd25519;
    std::string der;
    if (key.kind == Jwk::Kind::kP256) {
        der = der_of(signature);
        if (der.empty()) return false;
        signature = der;
    }
    const DigestContext context(EVP_MD_CTX_new());
    EVP_PKEY_CTX* options = nullptr;
    if (!context ||
        EVP_DigestVerifyInit(
            context.get(), &options, edwards ? nullptr : EVP_sha256(), nullptr, key.key.get()) !=
            1) {
        return false;
    }
    if (algorithm == "PS256" &&
        (EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) != 1 ||
         EVP_PKEY_CTX_set_rsa_mgf1_md(options, EVP_sha256()) != 1 ||
         EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) != 1)) {
        return false;
    }
    return EVP_DigestVerify(
               context.get(), raw(signature), signature.size(), raw(text), text.size()) == 1;
}

}  // namespace sg::api
