#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <istream>
#include <map>
#include <set>
#include <sstream>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <presets/document.hpp>

namespace sg::presets {

namespace {

constexpr std::size_t kMaxNodes = 20'000;
constexpr std::size_t kMaxTextBytes = 2 << 20;
constexpr std::size_t kMaxDepth = 32;

/// Leaves yaml-cpp's parser early; never crosses this file.
struct Refused : std::runtime_error {
    Refused(Place where, const std::string& message)
        : std::runtime_error(message), place(std::move(where)) {}
    Place place;
};

std::size_t count_nodes(const Node& node, std::size_t& bytes) {
    std::size_t count = 1;
    bytes += node.text.size();
    for (const Node& item : node.items) count += count_nodes(item, bytes);
    for (const Node::Member& member : node.members) {
        bytes += member.key.size();
        count += count_nodes(member.value, bytes);
    }
    return count;
}

/// Builds the tree from parser events, so that limits hold while it grows and not after.
class TreeBuilder final : public YAML::EventHandler {
  public:
    explicit TreeBuilder(std::shared_ptr<const std::string> file) : file_(std::move(file)) {}

    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        add(make(Node::Kind::kNull, mark), anchor);
    }

    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        const auto found = anchors_.find(anchor);
        if (found == anchors_.end()) {
            throw Refused(place(mark), "an alias refers to a value that contains it");
        }
        Node copy = found->second;
        std::size_t bytes = 0;
        charge(count_nodes(copy, bytes), bytes, copy.place);
        place_node(std::move(copy));
    }

    void OnScalar(const YAML::Mark& mark,
                  const std::string& tag,
                  YAML::anchor_t anchor,
                  const std::string& value) override {
        if (tag != "?" && tag != "!" && !tag.empty()) {
            throw Refused(place(mark), fmt::format("YAML tag {} is not supported; remove it", tag));
        }
        Node node = make(Node::Kind::kScalar, mark);
        node.text = value;
        node.quoted = tag == "!";
        charge(0, value.size(), node.place);
        add(std::move(node), anchor);
    }

    void OnSequenceStart(const YAML::Mark& mark,
                         const std::string&,
                         YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        open(make(Node::Kind::kSequence, mark), anchor);
    }
    void OnSequenceEnd() override { close(); }
    void OnMapStart(const YAML::Mark& mark,
                    const std::string&,
                    YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        open(make(Node::Kind::kMap, mark), anchor);
    }
    void OnMapEnd() override { close(); }

    [[nodiscard]] std::optional<Node> take() { return std::move(root_); }

  private:
    struct Open {
        Node node;
        YAML::anchor_t anchor = 0;
        std::optional<Node> key;
    };

    [[nodiscard]] Place place(const YAML::Mark& mark) const {
        return Place{file_, mark.line + 1, mark.column + 1};
    }

    Node make(Node::Kind kind, const YAML::Mark& mark) {
        Node node;
        node.kind = kind;
        node.place = place(mark);
        charge(1, 0, node.place);
        return node;
    }

    void charge(std::size_t nodes, std::size_t bytes, const Place& where) {
        nodes_ += nodes;
        bytes_ += bytes;
        if (nodes_ > kMaxNodes || bytes_ > kMaxTextBytes) {
            throw Refused(where,
                          fmt::format("the file expands to more than {} values or {} bytes of "
                                      "text; none should need that",
                                      kMaxNodes,
                                      kMaxTextBytes));
        }
    }

    void open(Node node, YAML::anchor_t anchor) {
        if (stack_.size() >= kMaxDepth) {
            throw Refused(node.place, fmt::format("nested deeper than {} levels", kMaxDepth));
        }
        stack_.push_back(Open{std::move(node), anchor, std::nullopt});
    }

    void close() {
        Open done = std::move(stack_.back());
        stack_.pop_back();
        add(std::move(done.node), done.anchor);
    }

    void add(Node node, YAML::anchor_t anchor) {
        if (anchor != 0) {
            std::size_t bytes = 0;
            charge(count_nodes(node, bytes), bytes, node.place);
            anchors_[anchor] = node;
        }
        place_node(std::move(node));
    }

    void place_node(Node node) {
        if (stack_.empty()) {
            root_ = std::move(node);
            return;
        }
        Open& top = stack_.back();
        if (top.node.kind == Node::Kind::kSequence) {
            top.node.items.push_back(std::move(node));
        } else if (!top.key) {
            accept_key(top, std::move(node));
        } else {
            top.node.members.push_back({std::move(top.key->text), top.key->place, std::move(node)});
            top.key.reset();
        }
    }

    void accept_key(Open& map, Node key) {
        if (key.kind != Node::Kind::kScalar) {
            throw Refused(key.place, "a key must be a plain word");
        }
        if (key.text == "<<") {
            throw Refused(key.place, "YAML merge keys are not supported; use \"extends\"");
        }
        if (map.node.find(key.text) != nullptr) {
            throw Refused(key.place, fmt::format("\"{}\" is given twice", key.text));
        }
        map.key = std::move(key);
    }

    std::shared_ptr<const std::string> file_;
    std::vector<Open> stack_;
    std::map<YAML::anchor_t, Node> anchors_;
    std::optional<Node> root_;
    std::size_t nodes_ = 0;
    std::size_t bytes_ = 0;
};

/// RFC 3629. Also refuses NUL, which no text has and yaml-cpp treats as an end.
bool is_clean_utf8(std::string_view text) {
    std::size_t i = 0;
    while (i < text.size()) {
        const auto lead = static_cast<unsigned char>(text[i]);
        if (lead == 0) return false;
        std::size_t extra = 0;
        std::uint32_t code = lead;
        if (lead >= 0xF0 && lead <= 0xF4) {
            extra = 3;
            code = lead & 0x07U;
        } else if (lead >= 0xE0) {
            extra = 2;
            code = lead & 0x0FU;
        } else if (lead >= 0xC2) {
            extra = 1;
            code = lead & 0x1FU;
        } else if (lead >= 0x80) {
            return false;
        }
        if (lead > 0xF4 || i + extra >= text.size() + (extra == 0 ? 1 : 0)) return false;
        for (std::size_t k = 1; k <= extra; ++k) {
            const auto next = static_cast<unsigned char>(text[i + k]);
            if ((next & 0xC0U) != 0x80U) return false;
            code = (code << 6U) | (next & 0x3FU);
        }
        const bool overlong = (extra == 2 && code < 0x800) || (extra == 3 && code < 0x10000);
        if (overlong || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return false;
        i += extra + 1;
    }
    return true;
}

bool acceptable_text(std::string_view text, const Place& file, std::vector<Problem>& problems) {
    if (text.size() > kMaxDocumentBytes) {
        problems.push_back(problem_at(file, "", "the file is larger than 1 MiB"));
        return false;
    }
    if (!is_clean_utf8(text)) {
        problems.push_back(problem_at(file, "", "the file is not UTF-8 text; save it as UTF-8"));
        return false;
    }
    return true;
}

/// yaml-cpp's scanner works on each bracket again for every one inside it, so deep flow nesting is
/// stopped before it.
bool too_many_open_brackets(std::string_view text) {
    constexpr int kMaxOpen = 200;
    int open = 0;
    for (const char c : text) {
        if (c == '[' || c == '{') ++open;
        if ((c == ']' || c == '}') && open > 0) --open;
        if (open > kMaxOpen) return true;
    }
    return false;
}

/// Builds the tree while JSON is read, so that limits hold while it grows and a key given twice is
/// seen.
class JsonTreeBuilder final : public nlohmann::json_sax<nlohmann::json> {
  public:
    explicit JsonTreeBuilder(Place place) : place_(std::move(place)) {}

    bool null() override { return add(Node::Kind::kNull, {}, false); }
    bool boolean(bool value) override {
        return add(Node::Kind::kScalar, value ? "true" : "false", false);
    }
    bool number_integer(number_integer_t value) override {
        return add(Node::Kind::kScalar, fmt::to_string(value), false);
    }
    bool number_unsigned(number_unsigned_t value) override {
        return add(Node::Kind::kScalar, fmt::to_string(value), false);
    }
    bool number_float(number_float_t, const string_t& text) override {
        return add(Node::Kind::kScalar, text, false);
    }
    bool string(string_t& value) override {
        return add(Node::Kind::kScalar, std::move(value), true);
    }
    bool binary(binary_t&) override { return false; }
    bool start_object(std::size_t) override { return open(Node::Kind::kMap); }
    bool start_array(std::size_t) override { return open(Node::Kind::kSequence); }
    bool end_object() override { return close(); }
    bool end_array() override { return close(); }

    bool key(string_t& name) override {
        bytes_ += name.size();
        if (!keys_.back().insert(name).second) {
            constexpr std::size_t kShown = 60;
            return refuse(
                fmt::format("{} is given twice",
                            nlohmann::json(name.substr(0, kShown))
                                .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)));
        }
        stack_.back().members.push_back({std::move(name), place_, {}});
        return true;
    }

    bool parse_error(std::size_t position,
                     const std::string&,
                     const nlohmann::json::exception&) override {
        failed_at_ = position;
        return false;
    }

    /// Why it was refused; empty when the JSON is not well-formed.
    [[nodiscard]] const std::string& refusal() const { return refusal_; }
    [[nodiscard]] std::size_t failed_at() const { return failed_at_; }
    [[nodiscard]] Node take() { return std::move(root_); }

  private:
    bool refuse(std::string why) {
        refusal_ = std::move(why);
        return false;
    }

    void place_node(Node node) {
        if (stack_.empty()) {
            root_ = std::move(node);
            return;
        }
        auto& top = stack_.back();
        if (top.kind == Node::Kind::kMap) {
            top.members.back().value = std::move(node);
        } else {
            top.items.push_back(std::move(node));
        }
    }

    bool add(Node::Kind kind, std::string text, bool quoted) {
        bytes_ += text.size();
        if (++nodes_ > kMaxNodes || bytes_ > kMaxTextBytes)
            return refuse("nested too deeply or too large");
        Node node;
        node.kind = kind;
        node.place = place_;
        node.text = std::move(text);
        node.quoted = quoted;
        place_node(std::move(node));
        return true;
    }

    bool open(Node::Kind kind) {
        if (++nodes_ > kMaxNodes || stack_.size() >= kMaxDepth)
            return refuse("nested too deeply or too large");
        Node node;
        node.kind = kind;
        node.place = place_;
        stack_.push_back(std::move(node));
        keys_.emplace_back();
        return true;
    }

    bool close() {
        Node done = std::move(stack_.back());
        stack_.pop_back();
        keys_.pop_back();
        place_node(std::move(done));
        return true;
    }

    Place place_;
    Node root_;
    std::vector<Node> stack_;
    std::vector<std::set<std::string>> keys_;
    std::size_t nodes_ = 0;
    std::size_t bytes_ = 0;
    std::size_t failed_at_ = 0;
    std::string refusal_;
};

}  // namespace

const Node* Node::find(std::string_view key) const {
    for (const Member& member : members) {
        if (member.key == key) return &member.value;
    }
    return nullptr;
}

Node* Node::find(std::string_view key) {
    return const_cast<Node*>(std::as_const(*this).find(key));
}

void Node::erase(std::string_view key) {
    std::erase_if(members, [key](const Member& member) { return member.key == key; });
}

std::string to_string(const Problem& problem) {
    std::string out = problem.file;
    if (problem.line > 0) out += fmt::format(":{}:{}", problem.line, problem.column);
    if (!problem.field.empty()) out += (out.empty() ? "" : ": ") + problem.field;
    out += (out.empty() ? "" : ": ") + problem.message;
    if (!problem.accepted.empty()) {
        out += fmt::format(" (accepted: {})", fmt::join(problem.accepted, ", "));
    }
    return out;
}

Problem problem_at(const Place& place, std::string field, std::string message) {
    return Problem{place.file ? *place.file : std::string{},
                   place.line,
                   place.column,
                   std::move(field),
                   std::move(message),
                   {}};
}

std::optional<Node> parse_yaml(std::string_view text,
                               const std::string& label,
                               std::vector<Problem>& problems) {
    const Place file{std::make_shared<const std::string>(label), 0, 0};
    if (!acceptable_text(text, file, problems)) return std::nullopt;
    if (too_many_open_brackets(text)) {
        problems.push_back(problem_at(file, "", "too many brackets are open at once"));
        return std::nullopt;
    }
    try {
        std::istringstream stream{std::string(text)};
        YAML::Parser parser(stream);
        TreeBuilder builder(file.file);
        if (!parser.HandleNextDocument(builder)) {
            problems.push_back(problem_at(file, "", "the file is empty"));
            return std::nullopt;
        }
        std::optional<Node> root = builder.take();
        TreeBuilder rest(file.file);
        if (parser.HandleNextDocument(rest)) {
            problems.push_back(problem_at(
                file, "", "the file holds more than one YAML document; keep one per file"));
            return std::nullopt;
        }
        if (root) return root;
        problems.push_back(problem_at(file, "", "the file is empty"));
    } catch (const Refused& refused) {
        problems.push_back(problem_at(refused.place, "", refused.what()));
    } catch (const YAML::Exception& error) {
        const Place place{file.file, error.mark.line + 1, error.mark.column + 1};
        problems.push_back(problem_at(place, "", "not valid YAML: " + error.msg));
    } catch (const std::exception& error) {
        problems.push_back(problem_at(file, "", fmt::format("not readable: {}", error.what())));
    }
    return std::nullopt;
}

std::optional<Node> parse_json(std::string_view text,
                               const std::string& label,
                               std::vector<Problem>& problems) {
    const Place file{std::make_shared<const std::string>(label), 0, 0};
    if (!acceptable_text(text, file, problems)) return std::nullopt;
    JsonTreeBuilder builder(file);
    if (nlohmann::json::sax_parse(text, &builder)) return builder.take();
    if (!builder.refusal().empty()) {
        problems.push_back(problem_at(file, "", builder.refusal()));
        return std::nullopt;
    }
    const auto before = text.substr(0, builder.failed_at());
    const auto line_start =
        before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
    const Place place{file.file,
                      static_cast<int>(std::count(before.begin(), before.end(), '\n')) + 1,
                      static_cast<int>(before.size() - line_start)};
    problems.push_back(problem_at(place, "", "not valid JSON"));
    return std::nullopt;
}

Node merge(Node base, Node over) {
    if (base.kind != Node::Kind::kMap || over.kind != Node::Kind::kMap) return over;
    for (Node::Member& member : over.members) {
        Node* const inherited = base.find(member.key);
        if (inherited == nullptr) {
            base.members.push_back(std::move(member));
        } else if (member.value.kind == Node::Kind::kNull) {
            base.erase(member.key);
        } else {
            *inherited = merge(std::move(*inherited), std::move(member.value));
        }
    }
    base.place = over.place;
    return base;
}

}  // namespace sg::presets
