#include "help_page.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace sg::apps {
namespace {

constexpr std::size_t kLeftColumns = 30;
constexpr const char* kDefaultGroup = "Options";

struct Line {
    std::string group;
    std::string left;
    std::string right;
};

// "-o, --output DIR"
std::string flag_text(const FlagSpec& flag) {
    std::vector<std::string> names(flag.names.rbegin(), flag.names.rend());
    auto text = fmt::format("{}", fmt::join(names, ", "));
    if (names.front().starts_with("--")) text = "    " + text;
    return flag.value.empty() ? text : text + " " + flag.value;
}

std::string usage_line(const CommandSpec& command, const std::string& path) {
    auto line = "Usage: " + path;
    if (!command.commands.empty()) return line + " COMMAND [FLAGS]";
    for (const auto& argument : command.arguments) {
        line += argument.required ? " " + argument.name : " [" + argument.name + "]";
    }
    return line + " [FLAGS]";
}

std::vector<Line> lines_of(const CommandSpec& command) {
    std::vector<Line> lines;
    for (const auto& argument : command.arguments) {
        lines.push_back({"Arguments", argument.name, argument.description});
    }
    for (const auto& below : command.commands) {
        const bool grouped =
            !below.group.empty() && below.group != "Subcommands" && below.group != command.group;
        lines.push_back({grouped ? below.group : "Commands", below.name, below.description});
    }
    for (const auto& flag : command.flags) {
        lines.push_back(
            {flag.group.empty() ? kDefaultGroup : flag.group, flag_text(flag), flag.description});
    }
    return lines;
}

}  // namespace

std::string help_page(const CommandSpec& command, const std::string& path) {
    const auto lines = lines_of(command);
    std::vector<std::string> groups;
    for (const auto& line : lines) {
        if (line.group != kDefaultGroup && std::ranges::find(groups, line.group) == groups.end()) {
            groups.push_back(line.group);
        }
    }
    groups.emplace_back(kDefaultGroup);

    auto page = fmt::format("{}\n\n{}\n", command.description, usage_line(command, path));
    for (const auto& group : groups) {
        page += fmt::format("\n{}:\n", group);
        for (const auto& line : lines) {
            if (line.group != group) continue;
            page += fmt::format("  {:<{}}{}\n", line.left, kLeftColumns, line.right);
        }
    }
    const auto examples = help_examples(command.name);
    return examples.empty() ? page : fmt::format("{}\n{}", page, examples);
}

}  // namespace sg::apps
