#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "serve_run.hpp"
#include "terminal.hpp"

namespace sg::apps {
namespace {

ExitCode check_file(const ConfigSources& sources, bool json) {
    const auto problems = load_config(sources).problems;
    const auto name = sources.file.empty() ? std::string("configuration") : sources.file;
    std::string text;
    if (json) {
        auto list = nlohmann::json::array();
        for (const auto& problem : problems) {
            list.push_back({{"file", problem.file},
                            {"line", problem.line},
                            {"column", problem.column},
                            {"field", problem.field},
                            {"message", problem.message},
                            {"accepted", problem.accepted}});
        }
        text = nlohmann::json{{"ok", problems.empty()}, {"problems", list}}.dump(2) + "\n";
    } else {
        for (const auto& problem : problems) text += presets::to_string(problem) + "\n";
        if (problems.empty()) text = name + ": good\n";
    }
    (void)write_text(STDOUT_FILENO, text);
    return problems.empty() ? ExitCode::kSuccess : ExitCode::kSomeFailed;
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
