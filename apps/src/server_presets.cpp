#include "server_presets.hpp"

#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <base/file.hpp>
#include <presets/document.hpp>

#include "answer_text.hpp"
#include "commands.hpp"
#include "server_client.hpp"
#include "table.hpp"
#include "terminal.hpp"
#include "text_width.hpp"

namespace sg::apps {
namespace {

using nlohmann::json;

std::string list_text(const json& answer) {
    Table table({{"PRESET"}, {"FROM"}, {"OWNER"}, {"DESCRIPTION"}});
    for (const auto& item : answer.value("items", json::array()))
        table.add_row({fmt::format("{}@{}", text(item, "name"), item.value("version", 0)),
                       text(item, "source"),
                       text(item, "owner"),
                       text(item, "description")});
    return table.text(0);
}

std::string check_text(const json& answer, const std::string& name) {
    std::string out;
    for (const auto& problem : answer.value("problems", json::array()))
        out += fmt::format(
            "{}: {}: {}\n", printable(name), text(problem, "pointer"), text(problem, "detail"));
    return out.empty() ? printable(name) + ": good\n" : out;
}

}  // namespace

ExitCode run_server_presets(const PresetsOptions& options) {
    using Action = PresetsOptions::Action;
    const auto client = ServerClient::open(options.server);
    if (!client) return complain(ExitCode::kUsage, client.error().message);
    ServerClient::Request request;
    request.path = "/v1/presets";
    if (options.action == Action::kShow) request.path += "/" + url_escaped(options.name);
    if (options.action == Action::kCheck || options.action == Action::kCreate) {
        auto file = read_file(options.name, presets::kMaxDocumentBytes);
        if (!file) return complain(ExitCode::kUsage, file.error().message);
        request.method = "POST";
        if (options.action == Action::kCheck) request.path += "/check";
        request.body = std::move(*file);
        request.headers = {{"Content-Type", "application/yaml"}};
    }
    const auto reply = client->call(std::move(request));
    if (!reply) return complain(exit_code_of(reply.error()), reply.error().message);
    const auto answer = json::parse(reply->body, nullptr, false);
    if (!answer.is_object())
        return complain(ExitCode::kSomeFailed, "the server's answer is not as expected");
    std::string out = answer.dump(2) + "\n";
    if (!options.json && options.action == Action::kList) out = list_text(answer);
    if (!options.json && options.action == Action::kCheck) out = check_text(answer, options.name);
    if (!options.json && options.action == Action::kCreate)
        out = fmt::format("{}@{}\n", text(answer, "name"), answer.value("version", 0));
    (void)write_text(STDOUT_FILENO, out);
    const bool bad = options.action == Action::kCheck && !answer.value("ok", false);
    return bad ? ExitCode::kSomeFailed : ExitCode::kSuccess;
}

}  // namespace sg::apps
