#include "random_text.hpp"

#include <array>
#include <string_view>

#include <openssl/rand.h>

namespace sg::api {

Result<std::string> random_base62(std::size_t characters) {
    constexpr std::string_view kDigits =
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    // What lies past the last whole multiple would make some digits likelier.
    constexpr unsigned kUsable = 256 / 62 * 62;
    std::string out;
    while (out.size() < characters) {
        std::array<unsigned char, 64> bytes{};
        if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
            return Error{Errc::kInternal, "make a secret: the system gives no random bytes"};
        }
        for (const auto byte : bytes) {
            if (byte < kUsable && out.size() < characters) out.push_back(kDigits[byte % 62]);
        }
    }
    return out;
}

}  // namespace sg::api
