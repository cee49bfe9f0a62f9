#pragma once

#include <cstddef>
#include <string_view>
#include <variant>

#include <api/problem.hpp>
#include <nlohmann/json.hpp>

namespace sg::api {

struct JsonLimits {
    std::size_t max_depth = 32;        ///< of arrays and objects in each other
    std::size_t max_values = 200'000;  ///< of all kinds, which bounds the memory they take
};

/// RFC 8259, hostile. Refused with a pointer to the place: duplicate members, integers that do not
/// fit 64 bits, numbers too large for a double, text with U+0000, deep nesting. One read of the
/// text, without recursion.
[[nodiscard]] std::variant<nlohmann::json, Problem> read_json(std::string_view text,
                                                              JsonLimits limits = {});

/// A member's name as a token of a JSON pointer (RFC 6901 §3).
[[nodiscard]] std::string pointer_token(std::string_view name);

}  // namespace sg::api
