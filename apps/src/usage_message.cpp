#include "usage_message.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace sg::apps {
namespace {

/// "a, b or c"
std::string alternatives(const std::vector<std::string>& words) {
    std::string out;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i > 0) out += i + 1 == words.size() ? " or " : ", ";
        out += words[i];
    }
    return out;
}

std::vector<std::string> split(std::string_view list) {
    std::vector<std::string> words;
    while (!list.empty()) {
        const auto comma = std::min(list.find(','), list.size());
        words.emplace_back(list.substr(0, comma));
        list.remove_prefix(std::min(comma + 1, list.size()));
    }
    return words;
}

std::string missing(const CLI::App& command, const std::string& text) {
    for (const auto* option : command.get_options()) {
        if (text != option->get_name() + " is required") continue;
        auto name = option->get_positional() ? option->get_type_name() : option->get_name();
        name.resize(std::min(name.find(':'), name.size()));
        return fmt::format("{} is missing", name);
    }
    std::vector<std::string> names;
    for (const auto* each : command.get_subcommands([](const CLI::App*) { return true; }))
        names.push_back(each->get_name());
    if (text == "A subcommand is required")
        return fmt::format("name a command: {}", alternatives(names));
    return text;
}

/// "--flag: x not in {a,b}"
std::string not_a_choice(const std::string& text) {
    constexpr std::string_view kNotIn = " not in {";
    const auto colon = text.find(": ");
    const auto at = text.find(kNotIn);
    if (colon == std::string::npos || at == std::string::npos || at < colon + 2 ||
        !text.ends_with('}'))
        return text;
    const auto from = at + kNotIn.size();
    return fmt::format("{} takes {}, not '{}'",
                       text.substr(0, colon),
                       alternatives(split(text.substr(from, text.size() - from - 1))),
                       text.substr(colon + 2, at - colon - 2));
}

}  // namespace

std::string usage_message(const CLI::ParseError& error, const CLI::App& command) {
    std::string text = error.what();
    if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr)
        text = missing(command, text);
    else
        text = not_a_choice(text);
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
}

}  // namespace sg::apps
