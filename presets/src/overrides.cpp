#include "overrides.hpp"

#include <cstddef>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace sg::presets {

namespace {

/// "a.b[2].c" into a, b, 2, c. Names with dots in them ("720p.hq") are not reachable; their index
/// is.
std::vector<std::string> split(const std::string& key) {
    std::vector<std::string> parts(1);
    for (const char c : key) {
        if (c == '.' || c == '[') {
            parts.emplace_back();
        } else if (c != ']') {
            parts.back() += c;
        }
    }
    return parts;
}

Node* entry_of(Node& list, const std::string& part) {
    for (Node& item : list.items) {
        const Node* const name = item.find("name");
        if (name != nullptr && name->text == part) return &item;
    }
    if (part.empty() || part.size() > 4 || part.find_first_not_of("0123456789") != part.npos) {
        return nullptr;
    }
    const std::size_t index = std::stoul(part);
    return index < list.items.size() ? &list.items[index] : nullptr;
}

std::string entries_of(const Node& list) {
    std::string names;
    for (const Node& item : list.items) {
        const Node* const name = item.find("name");
        if (name != nullptr) names += (names.empty() ? "" : ", ") + name->text;
    }
    return names.empty() ? fmt::format("{} unnamed", list.items.size()) : names;
}

void set_one(Node& root,
             const std::string& key,
             const std::string& text,
             std::vector<Problem>& problems) {
    const std::string label = "--set " + key;
    const auto fail = [&](std::string message) {
        problems.push_back(Problem{label, 0, 0, key, std::move(message), {}});
    };
    constexpr std::size_t kLongestKey = 200;
    if (key.empty() || key.size() > kLongestKey) return fail("is not a key");
    std::optional<Node> value = parse_yaml(text, label, problems);
    if (!value) return;
    const std::vector<std::string> parts = split(key);
    constexpr std::size_t kDeepest = 8;
    if (parts.size() > kDeepest) return fail("has too many parts");
    Node* at = &root;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const bool last = i + 1 == parts.size();
        if (parts[i].empty()) return fail("has an empty part; write it as in video.crf");
        if (at->kind == Node::Kind::kSequence) {
            Node* const entry = entry_of(*at, parts[i]);
            if (entry == nullptr) {
                return fail(fmt::format(
                    "there is no entry \"{}\"; there are: {}", parts[i], entries_of(*at)));
            }
            at = entry;
            if (last) *at = std::move(*value);
            continue;
        }
        if (at->kind != Node::Kind::kMap) {
            return fail(fmt::format("\"{}\" is inside a single value", parts[i]));
        }
        if (last && value->kind == Node::Kind::kNull) return at->erase(parts[i]);
        Node* next = at->find(parts[i]);
        if (next == nullptr) {
            Node group;
            group.kind = Node::Kind::kMap;
            group.place = value->place;
            at->members.push_back({parts[i], value->place, std::move(group)});
            next = &at->members.back().value;
        }
        at = next;
        if (last) *at = std::move(*value);
    }
}

}  // namespace

void set_overrides(Node& root, const Overrides& overrides, std::vector<Problem>& problems) {
    for (const auto& [key, text] : overrides) set_one(root, key, text, problems);
}

}  // namespace sg::presets
