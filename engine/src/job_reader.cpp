#include "job_reader.hpp"

#include <algorithm>
#include <set>
#include <span>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <base/clock.hpp>

#include "job_names.hpp"

namespace sg::engine {
namespace {

using presets::Node;
using presets::Problem;

// Codes of faults, for programs.
constexpr std::string_view kUnknownField = "unknown_field";
constexpr std::string_view kWrongType = "wrong_type";
constexpr std::string_view kOutOfRange = "out_of_range";
constexpr std::string_view kInvalidValue = "invalid_value";

nlohmann::json json_of(const Node& node) {
    switch (node.kind) {
        case Node::Kind::kNull:
            return nullptr;
        case Node::Kind::kScalar:
            if (!node.quoted && nlohmann::json::accept(node.text))
                return nlohmann::json::parse(node.text, nullptr, false);
            return node.text;
        case Node::Kind::kSequence: {
            auto items = nlohmann::json::array();
            for (const auto& item : node.items) items.push_back(json_of(item));
            return items;
        }
        case Node::Kind::kMap: {
            auto members = nlohmann::json::object();
            for (const auto& m : node.members) members[m.key] = json_of(m.value);
            return members;
        }
    }
    return nullptr;
}

/// YAML in flow style, which is what --set takes: text stays as it was written.
std::string yaml_of(const Node& node, bool outermost) {
    switch (node.kind) {
        case Node::Kind::kNull:
            return "null";
        case Node::Kind::kScalar: {
            // A value of the job's own is read the way --set KEY=VALUE reads it, quoted or not.
            if (outermost) return node.text;
            const bool plain =
                !node.quoted && node.text.find_first_of(",[]{}:#'\"\n") == std::string::npos;
            return plain ? node.text : nlohmann::json(node.text).dump();
        }
        case Node::Kind::kSequence: {
            std::vector<std::string> items;
            for (const auto& item : node.items) items.push_back(yaml_of(item, false));
            return fmt::format("[{}]", fmt::join(items, ", "));
        }
        case Node::Kind::kMap: {
            std::vector<std::string> members;
            for (const auto& m : node.members) {
                members.push_back(nlohmann::json(m.key).dump() + ": " + yaml_of(m.value, false));
            }
            return fmt::format("{{{}}}", fmt::join(members, ", "));
        }
    }
    return "null";
}

/// Reads one document, collecting every fault.
class JobReader {
  public:
    /// `exact`: values must have JSON's types, a number is no text.
    JobReader(std::vector<Problem>& problems, std::vector<Blame>& blames, bool exact)
        : problems_(problems), blames_(blames), exact_(exact) {}

    JobDocument read(const Node& root, JobDocument job) {
        if (root.kind != Node::Kind::kMap) {
            report(root,
                   "",
                   "a job is a group of keys; start with a line inputs: [film.mov]",
                   {},
                   kWrongType);
            return job;
        }
        for (const auto& [key, place, value] : root.members) {
            if (key == "version") {
                read_version(value, job);
            } else if (key == "inputs") {
                read_inputs(value, job);
            } else if (key == "preset") {
                read_text(value, key, job.preset);
            } else if (key == "set") {
                read_overrides(value, key, job.overrides);
            } else if (key == "output") {
                read_text(value, key, job.output);
            } else if (key == "verify") {
                if (const auto i = choice(value, key, kVerifyNames))
                    job.verify = static_cast<VerifyMode>(*i);
            } else if (key == "publish") {
                if (const auto i = choice(value, key, kPublishNames))
                    job.publish = static_cast<PublishMode>(*i);
            } else if (key == "quality") {
                read_flag(value, key, job.quality);
            } else if (key == "tags") {
                read_tags(value, job.tags);
            } else if (key == "presets") {
                read_presets(value, job.presets);
            } else if (key == "external_id") {
                read_text(value, key, job.external_id);
            } else if (key == "priority") {
                if (const auto i = choice(value, key, kPriorityNames))
                    job.priority = kPriorityNames[*i];
            } else if (key == "deadline") {
                read_deadline(value, job);
            } else if (key == "notify") {
                read_notify(value, job.notify);
            } else {
                unknown(value,
                        key,
                        "",
                        {"version",
                         "inputs",
                         "preset",
                         "set",
                         "output",
                         "verify",
                         "publish",
                         "quality",
                         "tags",
                         "presets",
                         "external_id",
                         "priority",
                         "deadline",
                         "notify"});
            }
        }
        if (root.find("inputs") == nullptr)
            report(root, "inputs", "is missing: the job names no input", {}, kMissingField);
        return job;
    }

  private:
    void report(const Node& at,
                const std::string& field,
                std::string message,
                std::vector<std::string> accepted = {},
                std::string_view code = kInvalidValue) {
        constexpr std::size_t kMostProblems = 200;
        if (problems_.size() >= kMostProblems) return;
        blames_.push_back(Blame{code, &at});
        auto problem = presets::problem_at(at.place, field, std::move(message));
        problem.accepted = std::move(accepted);
        problems_.push_back(std::move(problem));
    }

    void unknown(const Node& at,
                 const std::string& key,
                 const std::string& group,
                 std::vector<std::string> known) {
        std::string message = "is not a key that jobs have here";
        if (const auto near = presets::nearest(key, known); !near.empty())
            message += "; did you mean " + near + "?";
        report(at, group + key.substr(0, 64), std::move(message), std::move(known), kUnknownField);
    }

    static std::string shown(const std::string& text) {
        return nlohmann::json(text.substr(0, 60))
            .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    }

    void read_version(const Node& value, JobDocument& job) {
        if (value.kind == Node::Kind::kScalar && value.text == "1" && !(exact_ && value.quoted))
            return;
        report(value, "version", "this release knows only version 1 of job documents", {"1"});
        job.version = 0;
    }

    [[nodiscard]] bool is_text(const Node& value) const {
        return value.kind == Node::Kind::kScalar && (value.quoted || !exact_);
    }

    void read_text(const Node& value, const std::string& field, std::string& out) {
        constexpr std::size_t kLongest = 4096;
        if (!is_text(value) || value.text.empty())
            return report(value, field, "must be a text", {}, kWrongType);
        if (value.text.size() > kLongest) {
            return report(
                value, field, fmt::format("is longer than {} bytes", kLongest), {}, kOutOfRange);
        }
        if (value.text.find('\0') != std::string::npos)
            return report(value, field, "holds a NUL character");
        out = value.text;
    }

    void read_flag(const Node& value, const std::string& field, bool& out) {
        if (value.kind == Node::Kind::kScalar && !value.quoted &&
            (value.text == "true" || value.text == "false")) {
            out = value.text == "true";
        } else {
            report(value, field, "must be true or false", {"true", "false"}, kWrongType);
        }
    }

    std::optional<std::size_t> choice(const Node& value,
                                      const std::string& field,
                                      std::span<const char* const> names) {
        const bool text = is_text(value);
        const auto found = text ? std::find(names.begin(), names.end(), value.text) : names.end();
        if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
        std::vector<std::string> accepted(names.begin(), names.end());
        std::string message =
            text ? shown(value.text) + " is not accepted" : std::string("must be one word");
        if (const auto near = presets::nearest(value.text, accepted); !near.empty())
            message += "; did you mean " + near + "?";
        report(value,
               field,
               std::move(message),
               std::move(accepted),
               text ? kInvalidValue : kWrongType);
        return std::nullopt;
    }

    void read_overrides(const Node& value,
                        const std::string& field,
                        std::map<std::string, std::string>& out) {
        if (value.kind != Node::Kind::kMap) {
            return report(value,
                          field,
                          "must be a group of dotted preset keys, as in {video.crf: 21}",
                          {},
                          kWrongType);
        }
        for (const auto& m : value.members) {
            if (m.key.empty()) {
                report(m.value, field, "has an empty key");
            } else {
                out[m.key] = yaml_of(m.value, true);
            }
        }
    }

    void read_tags(const Node& value, std::map<std::string, std::string>& out) {
        if (value.kind != Node::Kind::kMap)
            return report(value, "tags", "must be a group of texts", {}, kWrongType);
        for (const auto& m : value.members) {
            if (m.value.kind != Node::Kind::kScalar) {
                report(m.value, "tags." + m.key.substr(0, 64), "must be a text", {}, kWrongType);
            } else {
                out[m.key] = m.value.text;
            }
        }
    }

    void read_presets(const Node& value, std::map<std::string, std::string>& out) {
        if (value.kind != Node::Kind::kMap) {
            return report(value, "presets", "must be a group of presets by name", {}, kWrongType);
        }
        for (const auto& m : value.members) {
            if (m.value.kind != Node::Kind::kMap) {
                report(
                    m.value, "presets." + m.key.substr(0, 64), "must be a preset", {}, kWrongType);
            } else {
                out[m.key] = json_of(m.value).dump();
            }
        }
    }

    void read_deadline(const Node& value, JobDocument& job) {
        const auto time = is_text(value) ? parse_rfc3339(value.text) : std::nullopt;
        if (!time) {
            return report(value,
                          "deadline",
                          "must be a time as in 2026-01-31T12:00:00Z (RFC 3339)",
                          {},
                          is_text(value) ? kInvalidValue : kWrongType);
        }
        job.deadline = rfc3339(*time);
    }

    void read_notify(const Node& value, std::vector<std::string>& out) {
        constexpr std::size_t kMost = 8;
        if (value.kind != Node::Kind::kSequence) {
            return report(value,
                          "notify",
                          "must be a list of addresses, as in [https://example.com/done]",
                          {},
                          kWrongType);
        }
        if (value.items.size() > kMost) {
            return report(value,
                          "notify",
                          fmt::format("names more than {} addresses", kMost),
                          {},
                          kOutOfRange);
        }
        for (std::size_t i = 0; i < value.items.size(); ++i) {
            std::string address;
            read_text(value.items[i], fmt::format("notify[{}]", i), address);
            out.push_back(std::move(address));
        }
    }

    void read_inputs(const Node& value, JobDocument& job) {
        if (value.kind != Node::Kind::kSequence)
            return report(value, "inputs", "must be a list, as in [film.mov]", {}, kWrongType);
        if (value.items.empty()) {
            return report(value, "inputs", "is empty: there is nothing to do", {}, kOutOfRange);
        }
        std::set<std::string> names;
        for (std::size_t i = 0; i < value.items.size(); ++i) {
            const auto& item = value.items[i];
            const auto at = fmt::format("inputs[{}]", i);
            JobInput input;
            if (item.kind == Node::Kind::kMap) {
                read_input(item, at, input);
                if (!input.name.empty() && !names.insert(input.name).second) {
                    report(item,
                           at + ".name",
                           fmt::format("another input is named {} already", shown(input.name)));
                }
            } else {
                read_text(item, at, input.uri);
            }
            job.inputs.push_back(std::move(input));
        }
    }

    void read_input(const Node& group, const std::string& at, JobInput& input) {
        for (const auto& [key, place, value] : group.members) {
            const auto field = at + "." + key;
            if (key == "uri") {
                read_text(value, field, input.uri);
            } else if (key == "name") {
                std::string name;
                read_text(value, field, name);
                if (!name.empty() && safe_name(name) != name) {
                    report(value,
                           field,
                           fmt::format("{} cannot be a folder's name; {} could",
                                       shown(name),
                                       shown(safe_name(name))));
                } else {
                    input.name = std::move(name);
                }
            } else if (key == "preset") {
                std::string preset;
                read_text(value, field, preset);
                if (!preset.empty()) input.preset = std::move(preset);
            } else if (key == "set") {
                read_overrides(value, field, input.overrides);
            } else {
                unknown(value, key, at + ".", {"uri", "name", "preset", "set"});
            }
        }
        if (group.find("uri") == nullptr)
            report(group, at + ".uri", "is missing: which file is it?", {}, kMissingField);
    }

    std::vector<Problem>& problems_;
    std::vector<Blame>& blames_;  ///< one for each problem
    bool exact_;
};

}  // namespace

std::string pointer_to(const presets::Node& from, const presets::Node* to) {
    if (&from == to) return "";
    for (std::size_t i = 0; i < from.items.size(); ++i) {
        const auto& item = from.items[i];
        if (&item == to) return fmt::format("/{}", i);
        if (auto below = pointer_to(item, to); !below.empty())
            return fmt::format("/{}{}", i, below);
    }
    for (const auto& member : from.members) {
        auto below = pointer_to(member.value, to);
        if (&member.value != to && below.empty()) continue;
        std::string key;
        for (const char c : member.key) {
            if (c == '~' || c == '/') {
                key += c == '~' ? "~0" : "~1";
            } else {
                key += c;
            }
        }
        return "/" + key + below;
    }
    return "";
}

JobDocument read_document(const presets::Node& root,
                          JobDocument job,
                          bool exact,
                          std::vector<presets::Problem>& problems,
                          std::vector<Blame>& blames) {
    return JobReader(problems, blames, exact).read(root, std::move(job));
}

}  // namespace sg::engine
