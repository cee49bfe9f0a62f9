#include <string>

#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <presets/loader.hpp>

#include "commands.hpp"
#include "server_presets.hpp"
#include "table.hpp"
#include "terminal.hpp"

namespace sg::apps {
namespace {

std::string list_text(bool json) {
    const auto& entries = presets::Library::embedded();
    if (json) {
        auto list = nlohmann::json::array();
        for (const auto& entry : entries) {
            list.push_back({{"name", entry.name},
                            {"version", entry.version},
                            {"description", entry.description}});
        }
        return list.dump(2) + "\n";
    }
    Table table({{"PRESET"}, {"DESCRIPTION"}});
    for (const auto& entry : entries) {
        table.add_row({fmt::format("{}@{}", entry.name, entry.version), entry.description});
    }
    return table.text(0);
}

ExitCode check_file(const PresetsOptions& options) {
    const auto problems = presets::check(options.name);
    std::string text;
    if (options.json) {
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
        if (problems.empty()) text = options.name + ": good\n";
    }
    (void)write_text(STDOUT_FILENO, text);
    return problems.empty() ? ExitCode::kSuccess : ExitCode::kSomeFailed;
}

}  // namespace

ExitCode run_presets(const PresetsOptions& options) {
    const bool stores = options.action == PresetsOptions::Action::kCreate;
    if (stores || !options.server.server.empty()) return run_server_presets(options);
    std::string text;
    switch (options.action) {
        case PresetsOptions::Action::kCheck:
            return check_file(options);
        case PresetsOptions::Action::kList:
            text = list_text(options.json);
            break;
        case PresetsOptions::Action::kSchema:
            text = presets::json_schema() + "\n";
            break;
        case PresetsOptions::Action::kCreate:
            return ExitCode::kUsage;
        case PresetsOptions::Action::kShow: {
            const auto preset = presets::load_preset(options.name, options.overrides);
            if (!preset) return complain(ExitCode::kUsage, preset.error().message);
            text = options.json ? presets::describe_json(*preset) : presets::describe(*preset);
            break;
        }
    }
    if (!text.ends_with('\n')) text += '\n';
    return write_text(STDOUT_FILENO, text) ? ExitCode::kSuccess : ExitCode::kSomeFailed;
}

}  // namespace sg::apps
