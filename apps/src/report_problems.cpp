#include <unistd.h>

#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "terminal.hpp"

namespace sg::apps {

ExitCode report_problems(const std::string& name,
                         const std::vector<presets::Problem>& problems,
                         bool json) {
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

}  // namespace sg::apps
