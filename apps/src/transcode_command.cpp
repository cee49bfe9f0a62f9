#include <algorithm>
#include <memory>
#include <stop_token>

#include <unistd.h>

#include <base/clock.hpp>
#include <engine/transcode.hpp>
#include <process/signals.hpp>

#include "commands.hpp"
#include "display.hpp"
#include "job_builder.hpp"
#include "summary.hpp"
#include "terminal.hpp"
#include "url_inputs.hpp"

namespace sg::apps {
namespace {

std::unique_ptr<Display> make_display(const TranscodeOptions& options,
                                      std::size_t inputs,
                                      std::stop_source& stop) {
    if (options.json) {
        return make_json_display(STDOUT_FILENO, [&stop] { stop.request_stop(); });
    }
    if (options.quiet) return make_quiet_display(STDERR_FILENO);
    if (is_terminal(STDERR_FILENO)) return make_live_display(STDERR_FILENO, inputs);
    return make_plain_display(STDERR_FILENO, inputs);
}

}  // namespace

ExitCode run_transcode(const TranscodeOptions& options) {
    auto job = build_job(options);
    if (!job) return complain(ExitCode::kUsage, job.error().message);
    if (options.print_job) {
        return write_text(STDOUT_FILENO, engine::to_json(*job) + "\n") ? ExitCode::kSuccess
                                                                       : ExitCode::kSomeFailed;
    }

    // Before the display's thread, so that every thread inherits the blocked signals.
    auto signals = process::StopSignals::install(process::StopSignals::Second::kExit);
    if (!signals) return complain(ExitCode::kSomeFailed, signals.error().message);
    std::stop_source stop;
    const std::stop_callback forward((*signals)->token(), [&stop] { stop.request_stop(); });

    const auto fetched = UrlInputs::fetch(*job, stop.get_token());
    if (!fetched) {
        const bool stopped = fetched.error().code == Errc::kCancelled;
        return stopped ? ExitCode::kInterrupted
                       : complain(ExitCode::kNothingRead, fetched.error().message);
    }
    const auto display = make_display(options, job->inputs.size(), stop);
    const SystemClock clock;
    const auto summary =
        engine::run_job(*job, build_run_options(options), *display, clock, stop.get_token());
    display->finish();
    const bool resumable = summary && std::any_of(summary->inputs.begin(),
                                                  summary->inputs.end(),
                                                  [](const auto& i) { return i.resumable; });
    if (!resumable) fetched->remove();
    if (!summary) {
        const auto code = summary.error().code;
        if (code == Errc::kCancelled) return ExitCode::kInterrupted;
        return complain(code == Errc::kInvalidArgument ? ExitCode::kUsage : ExitCode::kSomeFailed,
                        summary.error().message);
    }
    if (!options.json && !write_text(STDOUT_FILENO, summary_text(*summary))) {
        return ExitCode::kSomeFailed;
    }
    return exit_code_of(*summary);
}

}  // namespace sg::apps
