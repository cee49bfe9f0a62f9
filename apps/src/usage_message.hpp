#pragma once

#include <string>

#include <CLI/CLI.hpp>

namespace sg::apps {

/// What is wrong with a command line, in the words of its help page. One line.
[[nodiscard]] std::string usage_message(const CLI::ParseError& error, const CLI::App& command);

}  // namespace sg::apps
