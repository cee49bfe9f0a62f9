#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base64.hpp"
#include "tus_headers.hpp"
#include "webhook_retry.hpp"

// Header fields of uploads, and Retry-After of a webhook's answer.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sg::api;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    static_cast<void>(parse_tus_number(text));
    static_cast<void>(parse_tus_checksum(text));
    static_cast<void>(parse_digest_field(text));
    static_cast<void>(parse_sha256_hex(text));
    static_cast<void>(parse_retry_after(text, 1'700'000'000));
    if (const auto metadata = parse_tus_metadata(text)) {
        for (const auto& [name, value] : *metadata) {
            const auto plain = plain_file_name(value);
            if (plain.find('/') != std::string::npos || plain == "..") __builtin_trap();
        }
    }
    if (const auto bytes = from_base64(text); bytes && to_base64(*bytes) != text) __builtin_trap();
    return 0;
}
