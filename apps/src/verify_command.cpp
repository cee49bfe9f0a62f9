#include <chrono>
#include <string>

#include <unistd.h>

#include <fmt/format.h>

#include <engine/verify.hpp>
#include <process/signals.hpp>

#include "commands.hpp"
#include "terminal.hpp"
#include "text_width.hpp"

namespace sg::apps {

ExitCode run_verify(const VerifyOptions& options) {
    auto signals = process::StopSignals::install(process::StopSignals::Second::kExit);
    if (!signals) return complain(ExitCode::kSomeFailed, signals.error().message);

    const bool live = !options.json && is_terminal(STDERR_FILENO);
    auto shown_at = std::chrono::steady_clock::time_point();
    engine::VerifyOptions how;
    how.mode = options.mode;
    how.stop = (*signals)->token();
    how.progress = [&](double fraction) {
        const auto now = std::chrono::steady_clock::now();
        if (!live || now - shown_at < std::chrono::milliseconds(100)) return;
        shown_at = now;
        (void)write_text(STDERR_FILENO, fmt::format("\r\x1b[Kchecking {:3.0f} %", fraction * 100));
    };
    const auto report = engine::verify_in_task(options.location, how);
    if (live) (void)write_text(STDERR_FILENO, "\r\x1b[K");
    if (!report) {
        if (report.error().code == Errc::kCancelled) return ExitCode::kInterrupted;
        return complain(
            report.error().code == Errc::kCrashed ? ExitCode::kSomeFailed : ExitCode::kNothingRead,
            report.error().message);
    }
    const auto text =
        options.json ? report->to_json() + "\n" : printable_lines(engine::describe(*report));
    if (!write_text(STDOUT_FILENO, text)) return ExitCode::kSomeFailed;
    return report->ok() ? ExitCode::kSuccess : ExitCode::kSomeFailed;
}

}  // namespace sg::apps
