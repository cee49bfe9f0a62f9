#pragma once

#include <string>
#include <string_view>

#include "command_line.hpp"

namespace sg::apps {

/// What --help prints: usage, commands, flags by group, examples. `path` is what is typed:
/// "streamgate presets show".
[[nodiscard]] std::string help_page(const CommandSpec& command, const std::string& path);

/// Examples and explanations that end a command's help; "streamgate" is the whole program.
[[nodiscard]] std::string_view help_examples(std::string_view command);

}  // namespace sg::apps
