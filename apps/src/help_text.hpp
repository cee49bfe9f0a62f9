#pragma once

#include <string_view>

namespace sg::apps {

/// Shown under the help of the whole program, and of each command.
[[nodiscard]] std::string_view help_footer(std::string_view command);

}  // namespace sg::apps
