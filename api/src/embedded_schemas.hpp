#pragma once

#include <string_view>
#include <vector>

namespace sg::api {

/// Files of api/schema: each an object of schemas by name.
[[nodiscard]] std::vector<std::string_view> embedded_schemas();

}  // namespace sg::api
