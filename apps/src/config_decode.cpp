#include "config_decode.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <base/file.hpp>

namespace sg::apps {
namespace {

using presets::Node;
using presets::Place;
using presets::Problem;

constexpr std::size_t kMostSecretFileBytes = 4096;

class Decoder {
  public:
    Decoder(const std::filesystem::path& folder,
            std::vector<Problem>& problems,
            ConfigPlaces& places)
        : folder_(folder), problems_(problems), places_(places) {}

    template <class S>
    void group(const Node& node, const std::string& path, S& into) {
        places_[path] = node.place;
        if (node.kind == Node::Kind::kNull) return;  // a heading whose keys are commented out
        if (node.kind != Node::Kind::kMap) {
            report(node.place, path, {"must be a group of keys", {}});
            return;
        }
        const Node* const outer_node = std::exchange(node_, &node);
        auto outer_path = std::exchange(path_, path);
        auto outer_known = std::exchange(known_, {});
        visit(*this, into);
        for (const auto& member : node.members) {
            if (std::ranges::find(known_, member.key) == known_.end()) unknown(member);
        }
        known_ = std::move(outer_known);
        path_ = std::move(outer_path);
        node_ = outer_node;
    }

    template <class T, class K>
    void field(const char* key, T& member, const K& kind, const char*) {
        const auto* value = take(key);
        if (value == nullptr) return;
        if (auto fault = kind.parse(*value, member)) {
            report(value->place, join(key), std::move(*fault));
            return;
        }
        if constexpr (std::is_same_v<K, PathKind>) member = in_folder(member, *value);
        if constexpr (std::is_same_v<K, TextKind>) {
            // As the preset loader tells files from names.
            const bool file = member.find('/') != std::string::npos || member.ends_with(".yaml");
            if (kind.rule == TextKind::Rule::kPreset && file) member = in_folder(member, *value);
        }
    }

    void secret(const char* key, std::string& member, const SecretKind& kind, const char*) {
        const auto file_key = std::string(key) + "_file";
        const auto* inline_value = take(key);
        const auto* file = take(file_key.c_str());
        if (inline_value != nullptr && file != nullptr) {
            report(file->place,
                   join(file_key),
                   {fmt::format("is given beside {}; keep one", key), {}});
            return;
        }
        if (inline_value != nullptr) {
            if (auto fault = kind.parse(*inline_value, member))
                report(inline_value->place, join(key), std::move(*fault));
        } else if (file != nullptr) {
            read_secret(*file, join(file_key), kind, member);
        }
    }

    template <class T, class K>
    void list(
        const char* key, std::vector<T>& member, const K& kind, std::size_t most, const char*) {
        const auto* value = take(key);
        if (value == nullptr || !is_list(*value, key, most)) return;
        member.clear();
        for (const auto& item : value->items) {
            T entry{};
            if (auto fault = kind.parse(item, entry))
                report(item.place, join(key), std::move(*fault));
            else if constexpr (std::is_same_v<K, PathKind>)
                member.push_back(in_folder(entry, item));
            else
                member.push_back(std::move(entry));
        }
    }

    template <class S>
    void section(const char* key, S& member, const char*) {
        if (const auto* value = take(key)) group(*value, join(key), member);
    }

    template <class S>
    void sections(const char* key, std::vector<S>& member, std::size_t most, const char*) {
        const auto* value = take(key);
        if (value == nullptr || !is_list(*value, key, most)) return;
        member.assign(value->items.size(), S{});
        for (std::size_t i = 0; i < member.size(); ++i)
            group(value->items[i], fmt::format("{}[{}]", join(key), i), member[i]);
    }

  private:
    [[nodiscard]] std::string join(const std::string& key) const {
        return path_.empty() ? key : path_ + "." + key;
    }

    const Node* take(const char* key) {
        known_.emplace_back(key);
        const auto* value = node_->find(key);
        if (value != nullptr) places_[join(key)] = value->place;
        return value;
    }

    /// What came from a flag or the environment has no line, and is relative to where we run.
    [[nodiscard]] std::filesystem::path in_folder(const std::filesystem::path& path,
                                                  const Node& value) const {
        return path.is_relative() && value.place.line > 0 ? folder_ / path : path;
    }

    void read_secret(const Node& node,
                     const std::string& field,
                     const SecretKind& kind,
                     std::string& member) {
        std::filesystem::path path;
        if (auto fault = PathKind{}.parse(node, path)) {
            report(node.place, field, std::move(*fault));
            return;
        }
        auto text = read_file(in_folder(path, node), kMostSecretFileBytes);
        if (!text) {
            report(node.place, field, {text.error().message, {}});
            return;
        }
        const auto last = text->find_last_not_of(" \t\r\n");
        text->resize(last == std::string::npos ? 0 : last + 1);
        if (auto fault = kind.check(*text)) {
            report(node.place, field, {"the file's text " + fault->message, {}});
            return;
        }
        member = std::move(*text);
    }

    bool is_list(const Node& value, const char* key, std::size_t most) {
        if (value.kind != Node::Kind::kSequence) {
            report(value.place, join(key), {"must be a list", {}});
            return false;
        }
        if (value.items.size() > most) {
            report(value.place, join(key), {fmt::format("has more than {} entries", most), {}});
            return false;
        }
        return true;
    }

    void unknown(const Node::Member& member) {
        std::string message = "is not a key that is known here";
        if (const auto near = presets::nearest(member.key, known_); !near.empty())
            message += "; did you mean " + near + "?";
        report(member.place, join(member.key.substr(0, 64)), {std::move(message), known_});
    }

    void report(const Place& place, const std::string& field, ConfigFault fault) {
        constexpr std::size_t kMostProblems = 200;
        if (problems_.size() >= kMostProblems) return;
        auto problem = presets::problem_at(place, field, std::move(fault.message));
        problem.accepted = std::move(fault.accepted);
        problems_.push_back(std::move(problem));
    }

    const std::filesystem::path& folder_;
    std::vector<Problem>& problems_;
    ConfigPlaces& places_;
    const Node* node_ = nullptr;
    std::string path_;
    std::vector<std::string> known_;
};

/// Puts `defaults` under each entry. Without templates there is one for every name.
void spread_defaults(Node& root, const Node& defaults) {
    if (root.find("templates") == nullptr) {
        Node match;
        match.kind = Node::Kind::kScalar;
        match.text = live::ChannelTemplate{}.pattern;
        Node entry;
        entry.kind = Node::Kind::kMap;
        entry.members.push_back({"match", {}, std::move(match)});
        Node list;
        list.kind = Node::Kind::kSequence;
        list.items.push_back(std::move(entry));
        root.members.push_back({"templates", {}, std::move(list)});
    }
    if (defaults.kind != Node::Kind::kMap) return;
    for (const auto* key : {"channels", "templates"}) {
        auto* entries = root.find(key);
        if (entries == nullptr || entries->kind != Node::Kind::kSequence) continue;
        for (auto& entry : entries->items) {
            if (entry.kind == Node::Kind::kMap) entry = presets::merge(defaults, std::move(entry));
        }
    }
}

}  // namespace

ConfigDocument decode_config(Node root,
                             const std::filesystem::path& folder,
                             std::vector<Problem>& problems,
                             ConfigPlaces& places) {
    ConfigDocument document;
    if (root.kind == Node::Kind::kNull) root.kind = Node::Kind::kMap;
    if (root.kind != Node::Kind::kMap) {
        problems.push_back(presets::problem_at(
            root.place, "", "a configuration is a group of keys, such as listen: and publish:"));
        return document;
    }
    Node defaults;
    if (const auto* given = root.find("defaults")) {
        // Alone first, so that its faults are told once and not for every channel.
        ConfigPlaces ignored;
        std::vector<Problem> found;
        live::ChannelSettings scratch;
        Decoder(folder, found, ignored).group(*given, "defaults", scratch);
        if (found.empty()) defaults = *given;
    }
    spread_defaults(root, defaults);
    Decoder(folder, problems, places).group(root, "", document);
    return document;
}

}  // namespace sg::apps
