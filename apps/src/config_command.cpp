#include <unistd.h>

#include "commands.hpp"
#include "serve_run.hpp"
#include "terminal.hpp"

namespace sg::apps {
namespace {

ExitCode check_file(const ConfigSources& sources, bool json) {
    const auto problems = load_config(sources).problems;
    const auto name = sources.file.empty() ? std::string("configuration") : sources.file;
    return report_problems(name, problems, json);
}

}  // namespace

ExitCode run_config(const ConfigOptions& options) {
    if (options.action == ConfigOptions::Action::kSchema)
        return write_text(STDOUT_FILENO, config_schema() + "\n") ? ExitCode::kSuccess
                                                                 : ExitCode::kSomeFailed;
    auto sources = config_sources(options.serve);
    if (!sources) return complain(ExitCode::kUsage, sources.error().message);
    if (options.action == ConfigOptions::Action::kCheck) return check_file(*sources, options.json);
    const auto settings = load_settings(*sources);
    if (!settings) return complain(ExitCode::kUsage, settings.error().message);
    return write_text(STDOUT_FILENO, show_config(*settings)) ? ExitCode::kSuccess
                                                             : ExitCode::kSomeFailed;
}

}  // namespace sg::apps
