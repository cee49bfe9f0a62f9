#include <algorithm>
#include <array>
#include <exception>
#include <set>
#include <span>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <base/file.hpp>
#include <engine/job.hpp>
#include <presets/document.hpp>

#include "job_names.hpp"

namespace sg::engine {
namespace {

using presets::Node;
using presets::Problem;

constexpr std::array kVerifyNames{"off", "quick", "full"};
constexpr std::array kPublishNames{"end", "early"};

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
    explicit JobReader(std::vector<Problem>& problems) : problems_(problems) {}

    JobDocument read(const Node& root) {
        JobDocument job;
        if (root.kind != Node::Kind::kMap) {
            report(root, "", "a job is a group of keys; start with a line inputs: [film.mov]");
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
                         "tags"});
            }
        }
        if (root.find("inputs") == nullptr)
            report(root, "inputs", "is missing: the job names no input");
        return job;
    }

  private:
    void report(const Node& at,
                const std::string& field,
                std::string message,
                std::vector<std::string> accepted = {}) {
        constexpr std::size_t kMostProblems = 200;
        if (problems_.size() >= kMostProblems) return;
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
        report(at, group + key.substr(0, 64), std::move(message), std::move(known));
    }

    static std::string shown(const std::string& text) {
        return nlohmann::json(text.substr(0, 60))
            .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    }

    void read_version(const Node& value, JobDocument& job) {
        if (value.kind == Node::Kind::kScalar && value.text == "1") return;
        report(value, "version", "this release knows only version 1 of job documents", {"1"});
        job.version = 0;
    }

    void read_text(const Node& value, const std::string& field, std::string& out) {
        constexpr std::size_t kLongest = 4096;
        if (value.kind != Node::Kind::kScalar || value.text.empty())
            return report(value, field, "must be a text");
        if (value.text.size() > kLongest)
            return report(value, field, fmt::format("is longer than {} bytes", kLongest));
        if (value.text.find('\0') != std::string::npos)
            return report(value, field, "holds a NUL character");
        out = value.text;
    }

    void read_flag(const Node& value, const std::string& field, bool& out) {
        if (value.kind == Node::Kind::kScalar && !value.quoted &&
            (value.text == "true" || value.text == "false")) {
            out = value.text == "true";
        } else {
            report(value, field, "must be true or false", {"true", "false"});
        }
    }

    std::optional<std::size_t> choice(const Node& value,
                                      const std::string& field,
                                      std::span<const char* const> names) {
        const auto found = value.kind == Node::Kind::kScalar
                               ? std::find(names.begin(), names.end(), value.text)
                               : names.end();
        if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
        std::vector<std::string> accepted(names.begin(), names.end());
        std::string message = value.kind == Node::Kind::kScalar
                                  ? shown(value.text) + " is not accepted"
                                  : "must be one word";
        if (const auto near = presets::nearest(value.text, accepted); !near.empty())
            message += "; did you mean " + near + "?";
        report(value, field, std::move(message), std::move(accepted));
        return std::nullopt;
    }

    void read_overrides(const Node& value,
                        const std::string& field,
                        std::map<std::string, std::string>& out) {
        if (value.kind != Node::Kind::kMap) {
            return report(
                value, field, "must be a group of dotted preset keys, as in {video.crf: 21}");
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
            return report(value, "tags", "must be a group of texts");
        for (const auto& m : value.members) {
            if (m.value.kind != Node::Kind::kScalar) {
                report(m.value, "tags." + m.key.substr(0, 64), "must be a text");
            } else {
                out[m.key] = m.value.text;
            }
        }
    }

    void read_inputs(const Node& value, JobDocument& job) {
        if (value.kind != Node::Kind::kSequence)
            return report(value, "inputs", "must be a list, as in [film.mov]");
        if (value.items.empty()) return report(value, "inputs", "is empty: there is nothing to do");
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
            report(group, at + ".uri", "is missing: which file is it?");
    }

    std::vector<Problem>& problems_;
};

/// JSON is YAML in flow style, and only the YAML reader knows lines; but it does not know JSON's
/// way of writing characters beyond the basic plane.
std::optional<Node> parse(const std::string& text,
                          const std::string& name,
                          std::vector<Problem>& problems) {
    const auto first = text.find_first_not_of(" \t\r\n");
    const bool json = first != std::string::npos && text[first] == '{';
    const bool surrogates =
        text.find("\\ud") != std::string::npos || text.find("\\uD") != std::string::npos;
    return json && surrogates ? presets::parse_json(text, name, problems)
                              : presets::parse_yaml(text, name, problems);
}

}  // namespace

Result<JobDocument> parse_job(const std::string& text, const std::string& name) {
    std::vector<Problem> problems;
    JobDocument job;
    try {
        if (const auto root = parse(text, name, problems)) job = JobReader(problems).read(*root);
    } catch (const std::exception& e) {
        problems.push_back(Problem{name, 0, 0, "", e.what(), {}});
    }
    if (problems.empty()) return job;
    std::string message = "read job: " + presets::to_string(problems.front());
    if (problems.size() > 1) message += fmt::format(" (and {} more)", problems.size() - 1);
    return Error{Errc::kInvalidArgument, std::move(message)};
}

Result<JobDocument> load_job(const std::filesystem::path& path) {
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored)) {
        return Error{
            Errc::kInvalidArgument,
            fmt::format("read job: {} is a folder; name the job file in it", path.string())};
    }
    auto text = read_file(path, presets::kMaxDocumentBytes);
    if (!text) return text.error().within("read job");
    return parse_job(*text, path.string());
}

std::string to_json(const JobDocument& job) {
    nlohmann::json root;
    root["version"] = job.version;
    root["inputs"] = nlohmann::json::array();
    for (const auto& input : job.inputs) {
        nlohmann::json item{{"uri", input.uri}};
        if (!input.name.empty()) item["name"] = input.name;
        if (input.preset) item["preset"] = *input.preset;
        if (!input.overrides.empty()) item["set"] = input.overrides;
        root["inputs"].push_back(std::move(item));
    }
    root["preset"] = job.preset;
    if (!job.overrides.empty()) root["set"] = job.overrides;
    root["output"] = job.output;
    if (job.verify) root["verify"] = kVerifyNames[static_cast<std::size_t>(*job.verify)];
    root["publish"] = kPublishNames[static_cast<std::size_t>(job.publish)];
    root["quality"] = job.quality;
    if (!job.tags.empty()) root["tags"] = job.tags;
    // File names may be any bytes.
    return root.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace sg::engine
