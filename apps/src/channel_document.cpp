#include "channel_document.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "config_decode.hpp"
#include "config_fields.hpp"

namespace sg::apps {
namespace {

using nlohmann::json;
using presets::Node;

constexpr std::string_view kHidden = "(hidden)";
constexpr std::string_view kPath = "channels[0]";

/// Writes values with their types. Secrets are only said to be there.
class JsonWriter {
  public:
    template <class T, class K>
    void field(const char* key, const T& member, const K& kind, const char*) {
        if constexpr (std::is_same_v<K, FlagKind>)
            out_[key] = member;
        else if constexpr (std::is_same_v<K, IntegerKind>)
            out_[key] = member;
        else if (auto text = kind.show(member); !text.empty())
            out_[key] = std::move(text);
    }
    void secret(const char* key, const std::string& member, const SecretKind&, const char*) {
        if (!member.empty()) out_[key] = kHidden;
    }
    template <class T, class K>
    void list(
        const char* key, const std::vector<T>& member, const K& kind, std::size_t, const char*) {
        out_[key] = json::array();
        for (const auto& item : member) out_[key].push_back(kind.show(item));
    }
    template <class S>
    void section(const char* key, S& member, const char*) {
        out_[key] = object_of(member);
    }
    template <class S>
    void sections(const char* key, std::vector<S>& member, std::size_t, const char*) {
        out_[key] = json::array();
        for (auto& item : member) out_[key].push_back(object_of(item));
    }

    template <class S>
    [[nodiscard]] static json object_of(S& member) {
        JsonWriter writer;
        visit(writer, member);
        return std::move(writer.out_);
    }

  private:
    json out_ = json::object();
};

/// "(hidden)" becomes what stood there.
void restore_hidden(json& document, const json& before) {
    if (document.is_object() && before.is_object()) {
        for (auto& [key, value] : document.items()) {
            const auto old = before.find(key);
            if (old == before.end()) continue;
            if (value == kHidden)
                value = *old;
            else
                restore_hidden(value, *old);
        }
    } else if (document.is_array() && before.is_array()) {
        for (std::size_t i = 0; i < std::min(document.size(), before.size()); ++i)
            restore_hidden(document[i], before[i]);
    }
}

/// Members whose text is a file with a secret: only the configuration file may name those.
bool names_secret_file(const json& document) {
    if (document.is_object()) {
        for (const auto& [key, value] : document.items()) {
            if (key.ends_with("_file") || names_secret_file(value)) return true;
        }
    } else if (document.is_array()) {
        return std::ranges::any_of(document, names_secret_file);
    }
    return false;
}

/// "channels[0].output.part" as "/output/part".
std::string pointer_of(std::string_view field) {
    if (field.starts_with(kPath)) field.remove_prefix(kPath.size());
    std::string pointer;
    for (const char c : field) {
        if (c == ']') continue;
        pointer += c == '.' || c == '[' ? '/' : c;
    }
    return pointer;
}

api::Problem fault(const presets::Problem& problem) {
    auto text = problem.message;
    if (!problem.accepted.empty() && problem.accepted.size() <= 12)
        text += fmt::format(" (accepted: {})", fmt::join(problem.accepted, ", "));
    const bool unknown = problem.message.starts_with("is not a key");
    return api::problem(
        unknown ? "unknown_field" : "invalid_value", std::move(text), pointer_of(problem.field));
}

/// Local files of a channel, held against the roots.
void check_files(const live::ChannelSettings& settings,
                 const jobs::AllowedRoots& roots,
                 std::vector<api::Problem>& faults) {
    const auto check = [&](const std::string& file, std::string pointer) {
        if (const auto may = roots.check_input(file); !may)
            faults.push_back(api::problem("not_allowed", may.error().message, std::move(pointer)));
    };
    for (std::size_t i = 0; i < settings.inputs.size(); ++i) {
        const auto& input = settings.inputs[i];
        if (input.kind == live::InputKind::kFileLoop)
            check(input.url, fmt::format("/inputs/{}/url", i));
    }
    if (!settings.slate.image.empty()) check(settings.slate.image, "/slate/image");
    if (settings.preset.find('/') != std::string::npos) check(settings.preset, "/preset");
}

}  // namespace

api::ChannelDraft read_channel_document(std::string_view name,
                                        std::string_view document,
                                        std::string_view before,
                                        const jobs::AllowedRoots& roots) {
    api::ChannelDraft draft;
    std::vector<presets::Problem> problems;
    // For its limits and faults; the tree itself is made again below, with hidden secrets in it.
    const auto checked = presets::parse_json(document, "", problems);
    auto given = json::parse(document, nullptr, false);
    if (!checked || !given.is_object()) {
        draft.faults.push_back(api::problem(
            "malformed_json",
            problems.empty() ? "the body must be a JSON object with the channel's settings"
                             : problems.front().message));
        return draft;
    }
    if (given.contains("name")) {
        if (given["name"] != name)
            draft.faults.push_back(api::problem(
                "invalid_value", "is not the name in the path; leave it out", "/name"));
        given.erase("name");
    }
    if (names_secret_file(given))
        draft.faults.push_back(api::problem(
            "not_allowed", "files of secrets can only be named in the configuration file"));
    restore_hidden(given, json::parse(before, nullptr, false));
    draft.kept = given.dump();
    auto node = presets::parse_json(draft.kept, "", problems);
    if (!node || !draft.faults.empty()) return draft;

    Node text;
    text.kind = Node::Kind::kScalar;
    text.quoted = true;
    text.text = name;
    node->members.push_back({"name", {}, std::move(text)});
    Node list;
    list.kind = Node::Kind::kSequence;
    list.items.push_back(std::move(*node));
    Node root;
    root.kind = Node::Kind::kMap;
    root.members.push_back({"channels", {}, std::move(list)});
    ConfigPlaces places;
    auto decoded = decode_config(std::move(root), {}, problems, places);
    if (problems.empty()) check_config(decoded, places, problems);
    for (const auto& problem : problems) draft.faults.push_back(fault(problem));
    if (!draft.faults.empty()) return draft;
    draft.settings = std::move(decoded.channels.front().settings);
    check_files(draft.settings, roots, draft.faults);
    return draft;
}

std::string channel_as_json(const live::ChannelSettings& settings) {
    auto copy = settings;
    return JsonWriter::object_of(copy).dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace sg::apps
