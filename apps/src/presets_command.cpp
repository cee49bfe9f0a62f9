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

}  // namespace

ExitCode run_presets(const PresetsOptions& options) {
    const bool stores = options.action == PresetsOptions::Action::kCreate;
    if (stores || !options.server.server.empty()) return run_server_presets(options);
    std::string text;
    switch (options.action) {
        case PresetsOptions::Action::kCheck:
            return report_problems(options.name, presets::check(options.name), options.json);
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
