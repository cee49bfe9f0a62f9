#include <string>

#include <unistd.h>

#include <nlohmann/json.hpp>

#include <engine/index.hpp>
#include <ingest/facts.hpp>

#include "commands.hpp"
#include "open_source.hpp"
#include "terminal.hpp"
#include "text_width.hpp"

namespace sg::apps {
namespace {

Result<std::string> probe_text(const ProbeOptions& options) {
    SG_TRY_ASSIGN(const auto input, open_source(options.input));
    if (!options.full) {
        return options.json ? ingest::to_json(input->facts())
                            : printable_lines(ingest::describe(input->facts()));
    }
    SG_TRY_ASSIGN(const auto index, engine::build_index(*input, {}));
    if (!options.json) {
        return printable_lines(ingest::describe(input->facts()) + engine::describe(index));
    }
    auto document = nlohmann::ordered_json::parse(ingest::to_json(input->facts()));
    document["index"] = nlohmann::ordered_json::parse(engine::to_json(index));
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
