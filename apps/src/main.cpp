#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>
#include <variant>

#include <unistd.h>

#include <fmt/format.h>

#include <base/log.hpp>
#include <engine/sandbox.hpp>
#include <engine/transcode.hpp>

#include "command_line.hpp"
#include "commands.hpp"
#include "terminal.hpp"
#include "text_width.hpp"

namespace sg::apps {
namespace {

// Descriptor of the socket that a parent gives its task child.
constexpr int kTaskSocket = 3;

struct Run {
    ExitCode operator()(const TranscodeOptions& o) const { return run_transcode(o); }
    ExitCode operator()(const ProbeOptions& o) const { return run_probe(o); }
    ExitCode operator()(const PlanOptions& o) const { return run_plan(o); }
    ExitCode operator()(const PresetsOptions& o) const { return run_presets(o); }
    ExitCode operator()(const VerifyOptions& o) const { return run_verify(o); }
    ExitCode operator()(const ServeOptions& o) const { return run_serve(o); }
    ExitCode operator()(const LiveOptions& o) const { return run_live(o); }
    ExitCode operator()(const ClipOptions& o) const { return run_clip(o); }
    ExitCode operator()(const ConfigOptions& o) const { return run_config(o); }
    ExitCode operator()(const SubmitOptions& o) const { return run_submit(o); }
    ExitCode operator()(const JobsOptions& o) const { return run_jobs(o); }
    ExitCode operator()(const KeysOptions& o) const { return run_keys(o); }
    ExitCode operator()(const DrainOptions& o) const { return run_drain(o); }
    ExitCode operator()(const AuditOptions& o) const { return run_audit(o); }
    ExitCode operator()(const DoctorOptions& o) const { return run_doctor(o); }
    ExitCode operator()(const ReplayOptions& o) const { return run_replay(o); }
    ExitCode operator()(const CompletionOptions& o) const { return run_completion(o); }
};

int run(int argc, const char* const* argv) {
    use_unicode_widths();
    const auto parsed = parse_command_line(argc, argv);
    if (const auto* leave = std::get_if<Leave>(&parsed)) {
        if (leave->wants_version) return static_cast<int>(run_version());
        const int fd = leave->code == ExitCode::kSuccess ? STDOUT_FILENO : STDERR_FILENO;
        (void)write_text(fd, leave->text);
        return static_cast<int>(leave->code);
    }
    const auto& invocation = std::get<Invocation>(parsed);
    // For tasks, which inherit it.
    if (!invocation.sandbox) ::setenv(engine::kSandboxVariable, "off", 1);
    const bool serves = std::holds_alternative<ServeOptions>(invocation.command) ||
                        std::holds_alternative<LiveOptions>(invocation.command);
    log::init(invocation.log_level.value_or(serves ? log::Level::kInfo : log::Level::kWarn));
    return static_cast<int>(std::visit(Run{}, invocation.command));
}

}  // namespace
}  // namespace sg::apps

int main(int argc, char** argv) {
    try {
        // Not for people, and started often: past the command line's parser.
        if (argc == 2 && std::strcmp(argv[1], "task") == 0) {
            return sg::engine::serve_task(sg::apps::kTaskSocket);
        }
        return sg::apps::run(argc, argv);
    } catch (const std::exception& error) {
        return static_cast<int>(sg::apps::complain(
            sg::apps::ExitCode::kSomeFailed, fmt::format("unexpected failure: {}", error.what())));
    }
}
