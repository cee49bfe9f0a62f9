#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <api/api_router.hpp>
#include <api/problem.hpp>

namespace sg::api {

using Query = std::map<std::string, std::string, std::less<>>;

/// Takes a raw query apart: percent-decoded, "+" is a space. A problem for bad escapes, text that
/// is not UTF-8 or has controls, a name that `known` does not have, and one that comes twice.
/// Hostile.
[[nodiscard]] std::optional<Problem> read_query(std::string_view raw,
                                                const std::vector<QueryParam>& known,
                                                Query& into);

/// For one line of a log: without spaces, quotes and whatever is not ASCII.
[[nodiscard]] std::string escaped_path(std::string_view path);

/// The candidate that a typing error may have meant; empty when none is near.
[[nodiscard]] std::string_view nearest(std::string_view word,
                                       const std::vector<std::string_view>& candidates);

}  // namespace sg::api
