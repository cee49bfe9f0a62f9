#pragma once

#include <cstdint>
#include <string_view>

namespace sg::server {

struct ByteRange {
    enum class Kind {
        kWhole,          ///< no range, several, or a malformed one: 200 with everything
        kPart,           ///< 206
        kUnsatisfiable,  ///< 416
    };
    Kind kind = Kind::kWhole;
    std::uint64_t first = 0;
    std::uint64_t bytes = 0;
};

/// RFC 9110 §14.2 of an object of `size` bytes. Hostile text.
[[nodiscard]] ByteRange parse_range(std::string_view header, std::uint64_t size);

/// Whether a list of If-None-Match or If-Match has this strong tag (without quotes), weakly
/// compared; "*" has all.
[[nodiscard]] bool has_etag(std::string_view header, std::string_view etag);

/// Whether Accept-Encoding allows gzip (RFC 9110 §12.5.3).
[[nodiscard]] bool accepts_gzip(std::string_view header);

}  // namespace sg::server
