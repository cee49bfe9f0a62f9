#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "jwk_set.hpp"
#include "jwt_token.hpp"

/// No token is good without its key; a payload that passes names somebody.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sg;
    using namespace sg::api;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    JwtOptions options;
    options.issuer = "https://issuer.test";
    options.audience = "a";
    static const auto keys =
        read_jwk_set(R"({"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1",)"
                     R"("x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})");
    if (!keys || keys->size() != 1) std::abort();
    if (const auto token = split_jwt(text, options)) {
        if (verify_signature(
                keys->front(), token->algorithm, token->signed_part, token->signature)) {
            std::abort();
        }
    }
    const auto principal = principal_of(text, options, Clock::Wall(std::chrono::seconds(100)));
    if (principal && (principal->owner.empty() || principal->name == "jwt:")) std::abort();
    static_cast<void>(read_jwk_set(text));
    return 0;
}
