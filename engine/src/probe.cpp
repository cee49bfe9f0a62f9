#include <filesystem>
#include <system_error>

#include <fcntl.h>

#include <nlohmann/json.hpp>

#include <engine/probe.hpp>
#include <ingest/spool.hpp>
#include <process/message.hpp>

#include "one_task.hpp"
#include "task.hpp"

namespace sg::engine {
namespace {

using nlohmann::json;

Result<ProbeReport> report_of(const std::string& text) {
    try {
        const auto j = json::parse(text);
        ProbeReport report;
        j.at("facts").get_to(report.facts);
        j.at("facts_text").get_to(report.facts_text);
        j.at("index").get_to(report.index);
        j.at("index_text").get_to(report.index_text);
        j.at("plan").get_to(report.plan);
        if (const auto failed = j.at("plan_failed").get<std::string>(); !failed.empty())
            report.plan_failed = process::decode_error(failed);
        return report;
    } catch (const json::exception& e) {
        return Error{Errc::kBadData, std::string("read a probe's result: ") + e.what()};
    }
}

/// The child's number and attempts mean nothing to whoever asked.
Error plainly(const Error& error, const std::string& name) {
    if (error.code != Errc::kCrashed && error.code != Errc::kTimeout) return error;
    return Error{error.code,
                 "open " + name + ": it brought down, or held up, the process that looked at it (" +
                     error.message + ")"};
}

}  // namespace

Result<ProbeReport> probe_in_task(ProbeRequest asked, std::stop_token stop) {
    TaskRequest request;
    request.kind = TaskKind::kProbe;
    request.source_name = asked.name;
    request.preset = std::move(asked.preset);
    request.full = asked.full;
    process::Task task;
    task.id = "probe";
    task.request = request.to_json();
    task.request_fds.push_back(std::move(asked.fd));
    task.progress_timeout = asked.stall;
    task.spawn.executable = asked.program;
    task.spawn.environment = task_environment(request.kind);
    SG_TRY_ASSIGN(const auto outcome, run_one_task(std::move(task), {}, std::move(stop)));
    if (!outcome.result) return plainly(outcome.result.error(), asked.name);
    return report_of(*outcome.result);
}

Result<UniqueFd> pack_images_in_task(const std::string& pattern, std::stop_token stop) {
    std::error_code missing;
    auto folder = std::filesystem::temp_directory_path(missing);
    if (missing) folder = ".";
    SG_TRY_ASSIGN(UniqueFd copy, ingest::temporary_file(folder));
    TaskRequest request;
    request.kind = TaskKind::kSpool;
    request.source_name = pattern;
    request.images = pattern;
    request.spool_bytes = ingest::SpoolOptions{}.max_bytes;
    process::Task task;
    task.id = "spool";
    task.request = request.to_json();
    task.request_fds.emplace_back(::fcntl(copy.get(), F_DUPFD_CLOEXEC, 0));
    task.spawn.environment = task_environment(request.kind);
    SG_TRY_ASSIGN(const auto outcome, run_one_task(std::move(task), {}, std::move(stop)));
    if (!outcome.result) return plainly(outcome.result.error(), pattern);
    return copy;
}

}  // namespace sg::engine
