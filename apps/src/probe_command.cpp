#include <string>

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "open_source.hpp"
#include "terminal.hpp"
#include "text_width.hpp"

namespace sg::apps {
namespace {

Result<std::string> probe_text(const ProbeOptions& options) {
    SG_TRY_ASSIGN(auto request, open_source(options.input));
    request.full = options.full;
    SG_TRY_ASSIGN(const auto report, engine::probe_in_task(std::move(request), {}));
    if (!options.json) return printable_lines(report.facts_text + report.index_text);
    if (!options.full) return report.facts;
    auto document = nlohmann::ordered_json::parse(report.facts);
    document["index"] = nlohmann::ordered_json::parse(report.index);
    return document.dump(2);
}

}  // namespace

ExitCode run_probe(const ProbeOptions& options) {
    auto text = probe_text(options);
    if (!text) return complain(ExitCode::kNothingRead, text.error().message);
    if (!text->ends_with('\n')) *text += '\n';
    return write_text(STDOUT_FILENO, *text) ? ExitCode::kSuccess : ExitCode::kSomeFailed;
}

}  // namespace sg::apps
