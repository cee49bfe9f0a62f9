#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <engine/crash_bundle.hpp>
#include <process/signals.hpp>

#include "commands.hpp"
#include "terminal.hpp"
#include "text_width.hpp"

namespace sg::apps {

ExitCode run_replay(const ReplayOptions& options) {
    auto signals = process::StopSignals::install(process::StopSignals::Second::kExit);
    if (!signals) return complain(ExitCode::kSomeFailed, signals.error().message);
    engine::ReplayOptions replay;
    replay.bundle = options.bundle;
    replay.source = options.source;
    replay.in_process = options.in_process;
    const auto report = engine::replay_crash(replay, (*signals)->token());
    if (!report) {
        const auto code = report.error().code;
        if (code == Errc::kCancelled) return ExitCode::kInterrupted;
        return complain(code == Errc::kNotFound || code == Errc::kBadData ? ExitCode::kNothingRead
                                                                          : ExitCode::kSomeFailed,
                        report.error().message);
    }
    std::string text;
    if (options.json) {
        text = nlohmann::json{{"crashed", report->crashed},
                              {"signal", report->signal},
                              {"message", report->message},
                              {"same_versions", report->same_versions},
                              {"log_tail", report->log_tail}}
                   .dump(2, ' ', false, nlohmann::json::error_handler_t::replace) +
               "\n";
    } else {
        text = fmt::format("{}: {}\n",
                           report->crashed ? "it crashed again" : "it did not crash",
                           printable(report->message));
        if (!report->same_versions)
            text += "the bundle was made by other versions of StreamGate or its libraries\n";
        text += report->log_tail;
        if (!text.ends_with('\n')) text += '\n';
    }
    (void)write_text(STDOUT_FILENO, text);
    return report->crashed ? ExitCode::kSomeFailed : ExitCode::kSuccess;
}

}  // namespace sg::apps
