#include "watch_command.hpp"

#include <memory>

#include <unistd.h>

#include <fmt/format.h>

#include <process/signals.hpp>

#include "commands.hpp"
#include "terminal.hpp"

namespace sg::apps {
namespace {

std::unique_ptr<Display> make_display(const WatchShow& show, std::size_t jobs) {
    if (show.json) return nullptr;
    if (show.quiet) return make_quiet_display(STDERR_FILENO);
    if (is_terminal(STDERR_FILENO)) return make_live_display(STDERR_FILENO, jobs);
    return make_plain_display(STDERR_FILENO, jobs);
}

/// One line for each job.
std::string outcome_text(const std::vector<WatchedJob>& jobs) {
    std::string text;
    for (const auto& job : jobs) {
        const auto& outcome = job.outcome.empty() ? std::string("goes on") : job.outcome;
        text += fmt::format("{} {}", job.id, outcome);
        if (job.outcome == "failed") text += ": " + job.message;
        text += '\n';
    }
    return text;
}

}  // namespace

ExitCode watch_until_ended(const ServerClient& client,
                           std::vector<WatchedJob> jobs,
                           const WatchShow& show) {
    // Before the display's thread, so that every thread inherits the blocked signals.
    auto signals = process::StopSignals::install(process::StopSignals::Second::kExit);
    if (!signals) return complain(ExitCode::kSomeFailed, signals.error().message);
    const auto display = make_display(show, jobs.size());
    WatchRequest request;
    request.jobs = std::move(jobs);
    if (show.timeout_seconds) request.timeout = std::chrono::seconds(*show.timeout_seconds);
    if (show.json) {
        request.raw = [](std::string_view event) {
            return static_cast<bool>(write_text(STDOUT_FILENO, std::string(event) + "\n"));
        };
    }
    const auto end = watch_jobs(client, request, display.get(), (*signals)->token());
    if (display) display->finish();
    if (!end) return complain(exit_code_of(end.error()), end.error().message);
    if (!show.json) (void)write_text(STDOUT_FILENO, outcome_text(request.jobs));
    if (*end == WatchEnd::kTimedOut)
        return complain(ExitCode::kTimedOut,
                        fmt::format("not done within {} s; the job goes on: 'streamgate watch' "
                                    "follows it, 'streamgate cancel' ends it",
                                    *show.timeout_seconds));
    if (*end == WatchEnd::kInterrupted)
        return complain(ExitCode::kInterrupted,
                        "no longer watched; the job goes on: 'streamgate watch' follows it, "
                        "'streamgate cancel' ends it");
    for (const auto& job : request.jobs) {
        if (job.outcome != "succeeded") return ExitCode::kSomeFailed;
    }
    return ExitCode::kSuccess;
}

}  // namespace sg::apps
