#include "decode.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include "fields.hpp"

namespace sg::presets {

namespace {

template <class T>
struct Unwrapped {
    using Type = T;
};
template <class T>
struct Unwrapped<std::optional<T>> {
    using Type = T;
};

class Decoder {
  public:
    Decoder(std::vector<Problem>& problems, Places& places)
        : problems_(problems), places_(places) {}

    template <class S>
    void group(const Node& node, const std::string& path, S& into) {
        places_[path] = node.place;
        if (node.kind != Node::Kind::kMap) {
            report(node.place, path, Fault{"must be a group of keys", {}});
            return;
        }
        const Node* const outer_node = std::exchange(node_, &node);
        std::string outer_path = std::exchange(path_, path);
        std::vector<std::string> outer_known = std::exchange(known_, {});
        visit(*this, into);
        for (const Node::Member& member : node.members) {
            if (std::find(known_.begin(), known_.end(), member.key) == known_.end()) {
                unknown(member);
            }
        }
        known_ = std::move(outer_known);
        path_ = std::move(outer_path);
        node_ = outer_node;
    }

    template <class T, class K>
    void field(const char* key, T& member, const K& kind, const char*) {
        const Node* const value = take(key);
        if (value == nullptr) return;
        typename K::Wire wire{};
        if (auto fault = kind.parse(*value, wire)) {
            report(value->place, join(key), std::move(*fault));
            return;
        }
        using Inner = typename Unwrapped<T>::Type;
        if constexpr (std::is_same_v<Inner, typename K::Wire>) {
            member = std::move(wire);
        } else {
            member = static_cast<Inner>(wire);
        }
    }

    template <class T, class K>
    void list(
        const char* key, std::vector<T>& member, const K& kind, std::size_t most, const char*) {
        const Node* const value = take(key);
        if (value == nullptr || !is_list(*value, key, most)) return;
        member.clear();
        for (const Node& item : value->items) {
            T entry{};
            if (auto fault = kind.parse(item, entry)) {
                report(item.place, join(key), std::move(*fault));
            } else if (std::find(member.begin(), member.end(), entry) != member.end()) {
                report(item.place, join(key), Fault{"\"" + item.text + "\" is listed twice", {}});
            } else {
                member.push_back(std::move(entry));
            }
        }
    }

    template <class S>
    void section(const char* key, S& member, const char*) {
        if (const Node* const value = take(key)) group(*value, join(key), member);
    }

    template <class S>
    void sections(const char* key, std::vector<S>& member, std::size_t most, const char*) {
        const Node* const value = take(key);
        if (value == nullptr || !is_list(*value, key, most)) return;
        member.assign(value->items.size(), S{});
        for (std::size_t i = 0; i < member.size(); ++i) {
            group(value->items[i], fmt::format("{}[{}]", join(key), i), member[i]);
        }
    }

  private:
    [[nodiscard]] std::string join(const std::string& key) const {
        return path_.empty() ? key : path_ + "." + key;
    }

    const Node* take(const char* key) {
        known_.emplace_back(key);
        const Node* const value = node_->find(key);
        if (value != nullptr) places_[join(key)] = value->place;
        return value;
    }

    bool is_list(const Node& value, const char* key, std::size_t most) {
        if (value.kind != Node::Kind::kSequence) {
            report(value.place, join(key), Fault{"must be a list", {}});
            return false;
        }
        if (value.items.size() > most) {
            report(
                value.place, join(key), Fault{fmt::format("has more than {} entries", most), {}});
            return false;
        }
        return true;
    }

    void unknown(const Node::Member& member) {
        std::string message = "is not a key that presets have here";
        if (const std::string near = nearest(member.key, known_); !near.empty()) {
            message += "; did you mean " + near + "?";
        }
        report(member.place, join(member.key.substr(0, 64)), Fault{std::move(message), known_});
    }

    void report(const Place& place, const std::string& field, Fault fault) {
        // Enough to work on; a hostile file must not make a report far larger than itself.
        constexpr std::size_t kMostProblems = 200;
        if (problems_.size() >= kMostProblems) return;
        Problem problem = problem_at(place, field, std::move(fault.message));
        problem.accepted = std::move(fault.accepted);
        problems_.push_back(std::move(problem));
    }

    std::vector<Problem>& problems_;
    Places& places_;
    const Node* node_ = nullptr;
    std::string path_;
    std::vector<std::string> known_;
};

}  // namespace

Preset decode(const Node& root, std::vector<Problem>& problems, Places& places) {
    Preset preset;
    if (root.kind != Node::Kind::kMap) {
        problems.push_back(problem_at(
            root.place, "", "a preset is a group of keys; start with a line name: NAME"));
        return preset;
    }
    Decoder(problems, places).group(root, "", preset);
    return preset;
}

}  // namespace sg::presets
