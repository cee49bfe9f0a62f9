#include <filesystem>
#include <set>
#include <utility>

#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <base/clock.hpp>
#include <base/ids.hpp>
#include <presets/loader.hpp>
#include <presets/preset.hpp>

#include "commands.hpp"
#include "dry_run_text.hpp"
#include "job_builder.hpp"
#include "server_client.hpp"
#include "server_upload.hpp"
#include "terminal.hpp"
#include "watch_command.hpp"

namespace sg::apps {
namespace {

using nlohmann::json;

/// Jobs of one request.
constexpr std::size_t kMostJobs = 1000;

bool is_local(const std::string& uri) {
    return uri.find("://") == std::string::npos && !uri.starts_with("upload:");
}

/// As the server sees it, which runs in a folder of its own.
std::string absolute(const std::string& path) {
    std::error_code failed;
    const auto whole = std::filesystem::absolute(path, failed).lexically_normal();
    return failed ? path : whole.string();
}

/// A preset file travels in the document.
Status carry_preset(std::string& name, engine::JobDocument& job) {
    const bool file =
        name.find('/') != std::string::npos || name.ends_with(".yaml") || name.ends_with(".yml");
    if (!file) return {};
    const auto preset = presets::load_preset(name);
    if (!preset) return preset.error();
    const auto label = fmt::format("{}@{}", preset->name, preset->version);
    job.presets[label] = presets::canonical_json(*preset);
    name = label;
    return {};
}

Result<engine::JobDocument> build_document(const SubmitOptions& options) {
    engine::JobDocument job;
    SG_TRY_ASSIGN(job, build_job(options.document));
    if (options.document.output.empty() && options.document.job_file.empty()) job.output.clear();
    if (!job.output.empty() && is_local(job.output)) job.output = absolute(job.output);
    for (const auto& [key, value] : options.tags) job.tags[key] = value;
    if (!options.priority.empty()) job.priority = options.priority;
    if (!options.deadline.empty()) job.deadline = options.deadline;
    if (!options.external_id.empty()) job.external_id = options.external_id;
    job.notify.insert(job.notify.end(), options.notify.begin(), options.notify.end());
    SG_TRY(carry_preset(job.preset, job));
    for (auto& input : job.inputs) {
        if (input.preset) SG_TRY(carry_preset(*input.preset, job));
        if (input.uri == "-")
            return Error{Errc::kInvalidArgument,
                         "submit: standard input cannot be sent; save it to a file, or use "
                         "'streamgate transcode -'"};
        if (is_local(input.uri)) input.uri = absolute(input.uri);
    }
    return job;
}

/// One job for each line of a manifest, else one of all inputs.
std::vector<engine::JobDocument> split(engine::JobDocument job, bool each) {
    if (!each) return {std::move(job)};
    std::vector<engine::JobDocument> all;
    const auto names = engine::output_names(job);
    for (std::size_t i = 0; i < job.inputs.size(); ++i) {
        auto one = job;
        one.inputs = {job.inputs[i]};
        one.inputs.front().name = names[i];
        if (!job.output.empty() && job.inputs.size() > 1)
            one.output = (std::filesystem::path(job.output) / names[i]).string();
        all.push_back(std::move(one));
    }
    return all;
}

std::string label_of(const engine::JobDocument& job) {
    if (!job.external_id.empty()) return job.external_id;
    const auto names = engine::output_names(job);
    return names.empty() ? std::string("job") : names.front();
}

struct Submitted {
    std::vector<WatchedJob> jobs;
    bool refused = false;  ///< or cannot be made, when it was only asked
};

Result<Submitted> submit_one(const ServerClient& client,
                             const SubmitOptions& options,
                             const engine::JobDocument& job,
                             bool print) {
    const SystemClock clock;
    ServerClient::Request request{"POST", "/v1/jobs", engine::to_json(job)};
    // So that a request that is sent again makes no second job.
    const auto key =
        options.idempotency_key.empty() ? make_id("submit", clock) : options.idempotency_key;
    request.headers.emplace_back("Idempotency-Key", key);
    SG_TRY_ASSIGN(const auto reply, client.call(std::move(request)));
    if (print) (void)write_text(STDOUT_FILENO, reply.body + "\n");
    const auto made = json::parse(reply.body, nullptr, false);
    Submitted out;
    if (made.is_object() && made.contains("id"))
        out.jobs.push_back({made["id"].get<std::string>(), label_of(job), {}, {}});
    return out;
}

Result<Submitted> submit_many(const ServerClient& client,
                              const SubmitOptions& options,
                              const std::vector<engine::JobDocument>& jobs,
                              bool print) {
    Submitted out;
    const SystemClock clock;
    for (std::size_t from = 0; from < jobs.size(); from += kMostJobs) {
        const auto to = std::min(jobs.size(), from + kMostJobs);
        auto list = json::array();
        for (std::size_t i = from; i < to; ++i)
            list.push_back(json::parse(engine::to_json(jobs[i]), nullptr, false));
        ServerClient::Request request{
            "POST", "/v1/jobs/batch", json{{"jobs", std::move(list)}}.dump()};
        const auto key = options.idempotency_key.empty()
                             ? make_id("submit", clock)
                             : fmt::format("{}-{}", options.idempotency_key, from);
        request.headers.emplace_back("Idempotency-Key", key);
        SG_TRY_ASSIGN(const auto reply, client.call(std::move(request)));
        if (print) (void)write_text(STDOUT_FILENO, reply.body + "\n");
        const auto results = json::parse(reply.body, nullptr, false);
        if (!results.is_object() || !results.contains("results") ||
            results["results"].size() != to - from)
            return Error{Errc::kBadData, "the server's answer is not as expected"};
        for (std::size_t i = from; i < to; ++i) {
            const auto& result = results["results"][i - from];
            if (result.contains("id")) {
                out.jobs.push_back({result["id"].get<std::string>(), label_of(jobs[i]), {}, {}});
                continue;
            }
            out.refused = true;
            const ServerReply refusal{
                result.value("status", 0), {}, result.value("problem", json::object()).dump()};
            complain(ExitCode::kSomeFailed,
                     fmt::format("{}: {}", label_of(jobs[i]), server_error(refusal).message));
        }
    }
    return out;
}

/// What the server would make of each. Goes on after one that it refuses.
Result<Submitted> ask_only(const ServerClient& client,
                           const SubmitOptions& options,
                           const std::vector<engine::JobDocument>& jobs) {
    Submitted out;
    for (const auto& job : jobs) {
        const auto reply = client.call({"POST", "/v1/jobs?dryRun=true", engine::to_json(job)});
        if (!reply) {
            if (jobs.size() == 1 || exit_code_of(reply.error()) == ExitCode::kCannotConnect)
                return reply.error();
            out.refused = true;
            complain(ExitCode::kSomeFailed,
                     fmt::format("{}: {}", label_of(job), reply.error().message));
            continue;
        }
        const auto would = read_dry_run(reply->body);
        out.refused = out.refused || !would.possible;
        (void)write_text(STDOUT_FILENO, options.document.json ? reply->body + "\n" : would.text);
    }
    return out;
}

}  // namespace

ExitCode run_submit(const SubmitOptions& options) {
    auto document = build_document(options);
    if (!document) return complain(ExitCode::kUsage, document.error().message);
    if (options.document.print_job) {
        return write_text(STDOUT_FILENO, engine::to_json(*document) + "\n") ? ExitCode::kSuccess
                                                                            : ExitCode::kSomeFailed;
    }
    const auto client = ServerClient::open(options.server);
    if (!client) return complain(ExitCode::kUsage, client.error().message);
    if (options.upload && !options.dry_run) {
        for (auto& input : document->inputs) {
            if (!is_local(input.uri)) continue;
            const auto id = upload_file(*client, input.uri, !options.document.quiet);
            if (!id) return complain(exit_code_of(id.error()), id.error().message);
            if (input.name.empty()) input.name = std::filesystem::path(input.uri).stem().string();
            input.uri = "upload:" + *id;
        }
    }
    const bool each = !options.document.manifest.empty();
    const auto jobs = split(std::move(*document), each);
    const bool print = options.document.json && !options.wait;
    auto made = options.dry_run ? ask_only(*client, options, jobs)
                : each          ? submit_many(*client, options, jobs, print)
                                : submit_one(*client, options, jobs.front(), print);
    if (!made) {
        const auto& why = made.error();
        const bool refused = why.message.starts_with("/inputs/") &&
                             why.message.find("(path_refused)") != std::string::npos;
        return complain(
            exit_code_of(why),
            refused && !options.upload ? why.message + "; --upload sends the file" : why.message);
    }
    if (options.dry_run) return made->refused ? ExitCode::kSomeFailed : ExitCode::kSuccess;
    if (!options.wait) {
        if (!options.document.json) {
            for (const auto& job : made->jobs) (void)write_text(STDOUT_FILENO, job.id + "\n");
        }
        return made->refused ? ExitCode::kSomeFailed : ExitCode::kSuccess;
    }
    if (made->jobs.empty()) return ExitCode::kSomeFailed;
    const auto end =
        watch_until_ended(*client,
                          std::move(made->jobs),
                          {options.document.json, options.document.quiet, options.timeout_seconds});
    return made->refused && end == ExitCode::kSuccess ? ExitCode::kSomeFailed : end;
}

}  // namespace sg::apps
