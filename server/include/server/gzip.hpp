#pragma once

#include <string>
#include <string_view>

namespace sg::server {

/// RFC 1952. Empty when zlib fails, which only lack of memory makes it do.
[[nodiscard]] std::string gzip(std::string_view text);

}  // namespace sg::server
