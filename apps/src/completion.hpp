#pragma once

#include <string>
#include <string_view>

#include "command_line.hpp"

namespace sg::apps {

/// A script for "bash", "zsh" or "fish", made from the command line's own description. Empty for
/// another shell.
[[nodiscard]] std::string completion_script(const CommandSpec& spec, std::string_view shell);

}  // namespace sg::apps
