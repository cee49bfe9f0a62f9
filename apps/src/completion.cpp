#include "completion.hpp"

#include <algorithm>
#include <iterator>

#include <unistd.h>

#include <fmt/format.h>

#include "commands.hpp"
#include "terminal.hpp"

namespace sg::apps {
namespace {

std::string joined(const std::vector<std::string>& words) {
    return fmt::format("{}", fmt::join(words, " "));
}

std::vector<std::string> flag_names(const CommandSpec& command) {
    std::vector<std::string> names;
    for (const auto& flag : command.flags) {
        names.insert(names.end(), flag.names.begin(), flag.names.end());
    }
    return names;
}

std::vector<std::string> command_names(const CommandSpec& command) {
    std::vector<std::string> names;
    for (const auto& below : command.commands) names.push_back(below.name);
    return names;
}

// Words to offer after "streamgate PATH...".
std::string words_of(const CommandSpec& command) {
    auto words = command_names(command);
    std::ranges::copy(command.argument_choices, std::back_inserter(words));
    std::ranges::copy(flag_names(command), std::back_inserter(words));
    return joined(words);
}

void bash_cases(const CommandSpec& command,
                const std::string& path,
                std::string& words,
                std::string& values) {
    words += fmt::format("        '{}') words='{}' ;;\n", path, words_of(command));
    for (const auto& flag : command.flags) {
        if (!flag.takes_value || (flag.choices.empty() && !flag.takes_file)) continue;
        for (const auto& name : flag.names) {
            // Presets may be files as well.
            const bool also_files = flag.takes_file || name == "--preset" || name == "-p";
            values += fmt::format("        '{}:{}') words='{}'; files={} ;;\n",
                                  path,
                                  name,
                                  joined(flag.choices),
                                  also_files ? 1 : 0);
        }
    }
    for (const auto& below : command.commands) {
        bash_cases(below, path.empty() ? below.name : path + " " + below.name, words, values);
    }
}

std::string bash_script(const CommandSpec& spec) {
    std::string words;
    std::string values;
    bash_cases(spec, "", words, values);
    std::vector<std::string> known = command_names(spec);
    for (const auto& command : spec.commands) {
        std::ranges::copy(command_names(command), std::back_inserter(known));
    }
    return fmt::format(R"(# bash completion for streamgate
_streamgate() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}}
    local path='' words='' files=1 i word
    for ((i = 1; i < COMP_CWORD; ++i)); do
        word=${{COMP_WORDS[i]}}
        case " {0} " in *" $word "*) path="${{path:+$path }}$word" ;; esac
    done
    case "$path:$before" in
{2}        *) case "$path" in
{1}        esac ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    if [[ $files = 1 && $current != -* && -n $path ]]; then
        local IFS=$'\n'
        COMPREPLY+=($(compgen -f -- "$current"))
        compopt -o filenames 2>/dev/null
    fi
}}
complete -F _streamgate streamgate
)",
                       joined(known),
                       words,
                       values);
}

std::string zsh_quoted(std::string text) {
    std::string quoted;
    for (const char c : text) {
        if (c == '\'') {
            quoted += "'\\''";
        } else if (c == '[' || c == ']' || c == ':') {
            quoted += fmt::format("\\{}", c);
        } else {
            quoted += c;
        }
    }
    return quoted;
}

std::string zsh_function(const CommandSpec& command, const std::string& name) {
    std::string specs;
    for (const auto& flag : command.flags) {
        for (const auto& flag_name : flag.names) {
            std::string value;
            if (flag.takes_value) {
                value = flag.choices.empty() ? ":value:_files"
                                             : fmt::format(":value:({})", joined(flag.choices));
            }
            specs += fmt::format(
                " \\\n        '*{}[{}]{}'", flag_name, zsh_quoted(flag.description), value);
        }
    }
    if (command.commands.empty()) {
        const auto rest = command.argument_choices.empty()
                              ? std::string("_files")
                              : fmt::format("({})", joined(command.argument_choices));
        return fmt::format(
            "{}() {{\n    _arguments -s{} \\\n        '*:argument:{}'\n}}\n\n", name, specs, rest);
    }
    std::string described;
    std::string cases;
    std::string functions;
    for (const auto& below : command.commands) {
        const auto function = name + "_" + below.name;
        described += fmt::format("        '{}:{}'\n", below.name, zsh_quoted(below.description));
        cases += fmt::format("            {}) {} ;;\n", below.name, function);
        functions += zsh_function(below, function);
    }
    return functions + fmt::format(R"({0}() {{
    local curcontext=$curcontext state line
    local -a commands=(
{1}    )
    _arguments -C{2} \
        '1:command:->command' \
        '*::argument:->argument'
    case $state in
        command) _describe command commands ;;
        argument) case $line[1] in
{3}        esac ;;
    esac
}}

)",
                                   name,
                                   described,
                                   specs,
                                   cases);
}

std::string fish_quoted(const std::string& text) {
    std::string quoted = "'";
    for (const char c : text)
        quoted += c == '\'' || c == '\\' ? fmt::format("\\{}", c) : std::string(1, c);
    return quoted + "'";
}

void fish_lines(const CommandSpec& command, const std::string& condition, std::string& out) {
    const auto start = fmt::format("complete -c streamgate -n {}", fish_quoted(condition));
    for (const auto& below : command.commands) {
        out +=
            fmt::format("{} -f -a {} -d {}\n", start, below.name, fish_quoted(below.description));
    }
    if (!command.argument_choices.empty()) {
        out += fmt::format("{} -f -a {}\n", start, fish_quoted(joined(command.argument_choices)));
    }
    for (const auto& flag : command.flags) {
        std::string line = start;
        for (const auto& name : flag.names) {
            line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
        }
        if (flag.takes_value) line += flag.takes_file ? " -r -F" : " -r";
        if (!flag.choices.empty()) line += " -a " + fish_quoted(joined(flag.choices));
        out += line + " -d " + fish_quoted(flag.description) + "\n";
    }
}

std::string fish_script(const CommandSpec& spec) {
    std::string out = "# fish completion for streamgate\n";
    fish_lines(spec, "__fish_use_subcommand", out);
    for (const auto& command : spec.commands) {
        auto condition = fmt::format("__fish_seen_subcommand_from {}", command.name);
        for (const auto& below : command.commands) {
            fish_lines(below,
                       fmt::format("{}; and __fish_seen_subcommand_from {}", condition, below.name),
                       out);
        }
        if (!command.commands.empty()) {
            condition += fmt::format("; and not __fish_seen_subcommand_from {}",
                                     joined(command_names(command)));
        }
        fish_lines(command, condition, out);
    }
    return out;
}

}  // namespace

std::string completion_script(const CommandSpec& spec, std::string_view shell) {
    if (shell == "bash") return bash_script(spec);
    if (shell == "zsh")
        return "#compdef streamgate\n\n" + zsh_function(spec, "_streamgate") +
               "_streamgate \"$@\"\n";
    if (shell == "fish") return fish_script(spec);
    return {};
}

ExitCode run_completion(const CompletionOptions& options) {
    const auto script = completion_script(command_line_spec(), options.shell);
    return write_text(STDOUT_FILENO, script) ? ExitCode::kSuccess : ExitCode::kSomeFailed;
}

}  // namespace sg::apps
