#pragma once

#include <string>
#include <variant>
#include <vector>

#include "exit_codes.hpp"
#include "options.hpp"

namespace sg::apps {

struct FlagSpec {
    std::vector<std::string> names;  ///< with dashes, long ones first
    std::string description;
    std::string group;                 ///< heading in the help
    std::string value;                 ///< "DIR"; empty when it takes none
    std::vector<std::string> choices;  ///< accepted values where they can be listed
    bool takes_value = false;
    bool takes_file = false;
};

struct ArgumentSpec {
    std::string name;  ///< "INPUT..."
    std::string description;
    bool required = false;
};

/// The command line as data, for help, completion scripts and suggestions.
struct CommandSpec {
    std::string name;
    std::string description;
    std::string group;
    std::vector<ArgumentSpec> arguments;
    std::vector<FlagSpec> flags;
    std::vector<CommandSpec> commands;
    std::vector<std::string> argument_choices;
};

/// End here: print this and exit.
struct Leave {
    ExitCode code = ExitCode::kSuccess;
    std::string text;
    bool wants_version = false;
};

/// Reads argv. Usage errors come back as Leave with a hint for people in its text.
[[nodiscard]] std::variant<Invocation, Leave> parse_command_line(int argc, const char* const* argv);

[[nodiscard]] CommandSpec command_line_spec();

}  // namespace sg::apps
