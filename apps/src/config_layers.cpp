#include <algorithm>
#include <array>
#include <cctype>
#include <exception>
#include <filesystem>
#include <memory>

#include <unistd.h>

#include <fmt/format.h>

#include <base/file.hpp>

#include "config.hpp"
#include "config_decode.hpp"

namespace sg::apps {
namespace {

using presets::Node;
using presets::Place;
using presets::Problem;

constexpr std::string_view kPrefix = "STREAMGATE_";

/// Not keys: STREAMGATE_CONFIG names the file, the others are of commands that call a server.
constexpr std::array<std::string_view, 4> kOtherVariables{
    "STREAMGATE_CONFIG", "STREAMGATE_SERVER", "STREAMGATE_API_KEY", "STREAMGATE_SANDBOX"};

bool is_setting(std::string_view variable) {
    return variable.starts_with(kPrefix) &&
           std::ranges::find(kOtherVariables, variable) == kOtherVariables.end();
}

void place_at(Node& node, const Place& place) {
    node.place = place;
    for (auto& item : node.items) place_at(item, place);
    for (auto& member : node.members) {
        member.place = place;
        place_at(member.value, place);
    }
}

/// Sets a dotted key. Its value is YAML, so that lists can be written, too.
void overlay(Node& root,
             const std::string& origin,
             const std::string& key,
             const std::string& value,
             std::vector<Problem>& problems) {
    const Place place{std::make_shared<const std::string>(origin), 0, 0};
    const auto refuse = [&](std::string message) {
        problems.push_back(presets::problem_at(place, key, std::move(message)));
    };
    std::vector<Problem> faults;
    auto parsed = presets::parse_yaml(value, origin, faults);
    if (!parsed) {
        // Not with its text: it may be a secret.
        refuse("its value is not valid YAML; put it into quotes");
        return;
    }
    place_at(*parsed, place);
    auto* at = &root;
    for (std::size_t from = 0;;) {
        const auto dot = key.find('.', from);
        const auto part = key.substr(from, dot == std::string::npos ? dot : dot - from);
        if (part.empty() || part.size() > 64) return refuse("is not a key");
        if (at->kind == Node::Kind::kNull) at->kind = Node::Kind::kMap;
        if (at->kind != Node::Kind::kMap) return refuse("lies below something that is no group");
        if (at->find(part) == nullptr) at->members.push_back({part, place, Node{}});
        at = at->find(part);
        if (dot == std::string::npos) break;
        from = dot + 1;
    }
    *at = std::move(*parsed);
}

void overlay_environment(Node& root,
                         const std::map<std::string, std::string>& environment,
                         std::vector<Problem>& problems) {
    std::vector<std::string> known;
    const auto keys = config_keys();
    for (const auto& key : keys) {
        if (!key.variable.empty()) known.push_back(key.variable);
    }
    for (const auto& [name, value] : environment) {
        if (!is_setting(name)) continue;
        const auto found = std::ranges::find(keys, name, &ConfigKey::variable);
        if (found != keys.end()) {
            overlay(root, "environment " + name, found->path, value, problems);
            continue;
        }
        auto message = fmt::format("{} is not a setting", name.substr(0, 80));
        if (const auto near = presets::nearest(name, known); !near.empty())
            message += "; did you mean " + near + "?";
        problems.push_back({"environment", 0, 0, "", std::move(message), {}});
    }
}

std::optional<Node> read_document(const std::string& file, std::vector<Problem>& problems) {
    if (file.empty()) return Node{};
    auto text = read_file(file, presets::kMaxDocumentBytes);
    if (!text) {
        problems.push_back({"", 0, 0, "", text.error().within("configuration").message, {}});
        return std::nullopt;
    }
    const auto blank = text->find_first_not_of(" \t\r\n") == std::string::npos;
    if (blank) return Node{};
    return presets::parse_yaml(*text, file, problems);
}

LoadedConfig load(const ConfigSources& sources) {
    LoadedConfig loaded;
    auto root = read_document(sources.file, loaded.problems);
    if (!root) return loaded;
    overlay_environment(*root, sources.environment, loaded.problems);
    for (const auto& each : sources.overrides)
        overlay(*root, each.origin, each.key, each.value, loaded.problems);
    ConfigPlaces places;
    const auto folder = std::filesystem::path(sources.file).parent_path();
    auto document = decode_config(std::move(*root), folder, loaded.problems, places);
    if (loaded.problems.empty()) check_config(document, places, loaded.problems);
    loaded.settings = std::move(document.serve);
    loaded.settings.channels.clear();
    for (auto& channel : document.channels)
        loaded.settings.channels.push_back(std::move(channel.settings));
    loaded.settings.templates = std::move(document.templates);
    return loaded;
}

}  // namespace

LoadedConfig load_config(const ConfigSources& sources) {
    try {
        return load(sources);
    } catch (const std::exception& error) {
        LoadedConfig failed;
        failed.problems.push_back({sources.file, 0, 0, "", error.what(), {}});
        return failed;
    }
}

Result<ServeSettings> load_settings(const ConfigSources& sources) {
    auto loaded = load_config(sources);
    if (loaded.problems.empty()) return std::move(loaded.settings);
    auto message = presets::to_string(loaded.problems.front());
    if (loaded.problems.size() > 1)
        message +=
            fmt::format(" (and {} more; see streamgate config check)", loaded.problems.size() - 1);
    return Error{Errc::kInvalidArgument, std::move(message)};
}

std::map<std::string, std::string> process_environment() {
    std::map<std::string, std::string> all;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string_view text = *entry;
        const auto equals = text.find('=');
        if (text.starts_with(kPrefix) && equals != std::string_view::npos)
            all.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
    return all;
}

}  // namespace sg::apps
