#include "job_builder.hpp"

#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "input_list.hpp"

namespace sg::apps {

Result<engine::JobDocument> build_job(const TranscodeOptions& options) {
    engine::JobDocument job;
    if (!options.job_file.empty()) {
        SG_TRY_ASSIGN(job, engine::load_job(options.job_file));
    }
    for (auto& uri : expand_globs(options.inputs)) {
        engine::JobInput input;
        input.uri = std::move(uri);
        job.inputs.push_back(std::move(input));
    }
    if (!options.manifest.empty()) {
        SG_TRY_ASSIGN(auto listed, load_input_list(options.manifest));
        std::move(listed.begin(), listed.end(), std::back_inserter(job.inputs));
    }
    if (!options.preset.empty()) job.preset = options.preset;
    if (!options.output.empty()) job.output = options.output;
    if (options.verify) job.verify = options.verify;
    if (options.publish) job.publish = *options.publish;
    if (options.quality) job.quality = true;
    for (const auto& [key, value] : options.overrides) job.overrides[key] = value;
    if (options.strict_percent) {
        job.overrides["limits.max_decode_errors_percent"] =
            fmt::format("{:.2f}", *options.strict_percent);
    }
    return job;
}

namespace {

/// Of a person's own runs, by the XDG base directory specification. Empty: there is no home.
std::filesystem::path crash_folder() {
    if (const char* state = std::getenv("XDG_STATE_HOME"); state != nullptr && *state == '/')
        return std::filesystem::path(state) / "streamgate/crashes";
    if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/')
        return std::filesystem::path(home) / ".local/state/streamgate/crashes";
    return {};
}

}  // namespace

engine::RunOptions build_run_options(const TranscodeOptions& options) {
    engine::RunOptions run;
    run.jobs = options.jobs;
    run.resume = options.resume;
    run.overwrite = options.overwrite;
    run.keep_work = options.keep_work;
    run.in_process = options.in_process;
    run.memory_limit_bytes = options.memory_limit_bytes;
    run.crashes = crash_folder();
    if (options.stall_seconds) run.stall_seconds = *options.stall_seconds;
    if (options.open_seconds) run.open_seconds = *options.open_seconds;
    return run;
}

}  // namespace sg::apps
