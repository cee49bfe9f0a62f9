#pragma once

#include <string>
#include <string_view>

namespace sg::packagers {

/// One path segment of a relative URI: everything but unreserved characters (RFC 3986 §2.3) is
/// percent-encoded, so the result is also safe inside a quoted-string, an XML attribute and a DASH
/// template.
[[nodiscard]] std::string uri_segment(std::string_view name);

}  // namespace sg::packagers
