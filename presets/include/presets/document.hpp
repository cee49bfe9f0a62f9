#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sg::presets {

/// One fault of a YAML or JSON document.
struct Problem {
    std::string file;
    int line = 0;       ///< from 1; 0 when the fault has no place
    int column = 0;     ///< from 1
    std::string field;  ///< dotted path: video.ladder[2].crf
    std::string message;
    std::vector<std::string> accepted;  ///< accepted values, where they can be listed
};

/// "web.yaml:12:5: video.codec: \"h265\" is not accepted; did you mean hevc? (accepted: h264, hevc,
/// ...)"
[[nodiscard]] std::string to_string(const Problem& problem);

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

inline constexpr std::size_t kMaxDocumentBytes = 1 << 20;

/// Reads one YAML document from bytes of any origin: bounded in bytes, depth and nodes (aliases
/// count as what they expand to), no tags, no merge keys, no key twice. None and a Problem on
/// failure; never throws.
[[nodiscard]] std::optional<Node> parse_yaml(std::string_view text,
                                             const std::string& label,
                                             std::vector<Problem>& problems);

/// The same tree from JSON (RFC 8259), without places.
[[nodiscard]] std::optional<Node> parse_json(std::string_view text,
                                             const std::string& label,
                                             std::vector<Problem>& problems);

/// `over` on `base`: maps merge key by key, everything else is replaced; a null removes what was
/// inherited.
[[nodiscard]] Node merge(Node base, Node over);

[[nodiscard]] Problem problem_at(const Place& place, std::string field, std::string message);

/// The candidate closest to `word` by edit distance; empty when none is near enough to be a slip of
/// the hand.
[[nodiscard]] std::string nearest(std::string_view word,
                                  const std::vector<std::string>& candidates);

}  // namespace sg::presets
