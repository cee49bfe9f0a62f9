#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <presets/loader.hpp>

namespace sg::presets {

struct Place {
    std::shared_ptr<const std::string> file;
    int line = 0;
    int column = 0;
};

/// A YAML value that still knows where it stood and whether it was quoted; typing happens against
/// the schema, never by guess.
struct Node {
    enum class Kind { kNull, kScalar, kSequence, kMap };
    struct Member;

    Kind kind = Kind::kNull;
    std::string text;
    bool quoted = false;
    Place place;
    std::vector<Node> items;
    std::vector<Member> members;

    [[nodiscard]] const Node* find(std::string_view key) const;
    [[nodiscard]] Node* find(std::string_view key);
    void erase(std::string_view key);
};

struct Node::Member {
    std::string key;
    Place place;
    Node value;
};

inline constexpr std::size_t kMaxPresetBytes = 1 << 20;

/// Reads one YAML document. Bounded in bytes, depth and nodes (aliases count as what they expand
/// to). Null and a Problem on failure.
[[nodiscard]] std::optional<Node> parse_yaml(std::string_view text,
                                             const std::string& label,
                                             std::vector<Problem>& problems);

/// The same tree from JSON.
[[nodiscard]] std::optional<Node> parse_json(std::string_view text,
                                             const std::string& label,
                                             std::vector<Problem>& problems);

/// `over` on `base`: maps merge key by key, everything else is replaced; a null removes what was
/// inherited.
[[nodiscard]] Node merge(Node base, Node over);

[[nodiscard]] Problem problem_at(const Place& place, std::string field, std::string message);

}  // namespace sg::presets
