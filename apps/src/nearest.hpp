#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sg::apps {

/// The candidate that is most likely meant by a mistyped word; empty when none is near.
[[nodiscard]] std::string nearest(std::string_view typed,
                                  const std::vector<std::string>& candidates);

}  // namespace sg::apps
