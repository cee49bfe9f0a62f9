#include <exception>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <base/file.hpp>
#include <engine/job.hpp>
#include <presets/document.hpp>

#include "job_reader.hpp"

namespace sg::engine {
namespace {

using presets::Node;
using presets::Problem;

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

std::optional<JobDocument> read_job(std::string_view text,
                                    JobSyntax syntax,
                                    std::vector<JobFault>& faults) {
    const bool json = syntax == JobSyntax::kJson;
    std::vector<Problem> problems;
    std::vector<Blame> blames;
    std::optional<Node> root;
    JobDocument job;
    job.output.clear();
    try {
        root = json ? presets::parse_json(text, "", problems)
                    : presets::parse_yaml(text, "", problems);
        blames.resize(problems.size());
        if (root) job = read_document(*root, std::move(job), json, problems, blames);
    } catch (const std::exception& e) {
        problems.push_back(Problem{"", 0, 0, "", e.what(), {}});
        blames.resize(problems.size());
    }
    for (std::size_t i = 0; i < problems.size(); ++i) {
        auto& problem = problems[i];
        const auto& blame = blames[i];
        JobFault fault;
        fault.code = blame.code;
        if (blame.at != nullptr && root) fault.pointer = pointer_to(*root, blame.at);
        if (blame.code == kMissingField)
            fault.pointer += "/" + problem.field.substr(problem.field.rfind('.') + 1);
        problem.file = problem.line > 0 ? "line" : "";
        fault.message = presets::to_string(problem);
        faults.push_back(std::move(fault));
    }
    if (!problems.empty()) return std::nullopt;
    return job;
}

Result<JobDocument> parse_job(const std::string& text, const std::string& name) {
    std::vector<Problem> problems;
    JobDocument job;
    try {
        std::vector<Blame> blames;
        if (const auto root = parse(text, name, problems))
            job = read_document(*root, {}, false, problems, blames);
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
    if (!job.output.empty()) root["output"] = job.output;
    if (job.verify) root["verify"] = kVerifyNames[static_cast<std::size_t>(*job.verify)];
    root["publish"] = kPublishNames[static_cast<std::size_t>(job.publish)];
    root["quality"] = job.quality;
    root["priority"] = job.priority;
    if (!job.external_id.empty()) root["external_id"] = job.external_id;
    if (!job.deadline.empty()) root["deadline"] = job.deadline;
    if (!job.notify.empty()) root["notify"] = job.notify;
    for (const auto& [name, text] : job.presets)
        root["presets"][name] = nlohmann::json::parse(text, nullptr, false);
    if (!job.tags.empty()) root["tags"] = job.tags;
    // File names may be any bytes.
    return root.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace sg::engine
