#pragma once

#include <cstddef>
#include <string>

#include <base/result.hpp>

namespace sg::api {

/// Of letters and digits, each equally likely (5.95 bits each), from OpenSSL's generator.
[[nodiscard]] Result<std::string> random_base62(std::size_t characters);

}  // namespace sg::api
