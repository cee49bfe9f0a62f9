#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include <base/result.hpp>

namespace sg::api {

/// The texts of the items of a document {"NAME": [item, ...]}, which is all that is read of it:
/// brackets and strings are balanced, what is in an item is for its own reader to judge. Of hostile
/// bytes. kInvalidArgument for another document, kLimit for more than `most` items.
[[nodiscard]] Result<std::vector<std::string_view>> json_items(std::string_view text,
                                                               std::string_view name,
                                                               std::size_t most);

}  // namespace sg::api
