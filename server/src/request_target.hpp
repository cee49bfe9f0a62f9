#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sg::server {

struct RequestTarget {
    std::string path;   ///< as Request::path says
    std::string query;  ///< without "?", raw
};

/// Origin form or absolute form (RFC 9112 §3.2), hostile. Nothing for a target that is refused with
/// 400: bad escapes, escaped slashes, dot segments, empty segments, control characters.
[[nodiscard]] std::optional<RequestTarget> parse_target(std::string_view target);

/// The raw value of the first parameter of this name.
[[nodiscard]] std::optional<std::string_view> query_parameter(std::string_view query,
                                                              std::string_view name);

}  // namespace sg::server
