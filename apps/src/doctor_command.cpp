#include <algorithm>

#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <engine/doctor.hpp>

#include "commands.hpp"
#include "server_client.hpp"
#include "terminal.hpp"
#include "text_width.hpp"

namespace sg::apps {
namespace {

using nlohmann::json;

}  // namespace

/// This machine; and the server, where one was named or answers.
ExitCode run_doctor(const DoctorOptions& options) {
    const auto client = ServerClient::open(options.server);
    if (!client) return complain(ExitCode::kUsage, client.error().message);
    engine::DoctorQuestions questions;
    questions.folders = {"."};
    const auto findings = engine::examine_machine(questions);
    bool good = std::ranges::none_of(
        findings, [](const auto& each) { return each.state == engine::Finding::State::kBad; });
    const auto ready = client->send({"GET", "/readyz"});
    const bool named = !options.server.server.empty();
    if (!ready && named) good = false;
    if (ready && ready->status != 200) good = false;
    std::string text;
    if (options.json) {
        json out{{"ok", good}, {"machine", json::parse(engine::to_json(findings), nullptr, false)}};
        if (ready)
            out["server"] = {{"address", client->base()},
                             {"ready", ready->status == 200},
                             {"report", ready->body}};
        else
            out["server"] = {{"address", client->base()}, {"error", ready.error().message}};
        text = out.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
    } else {
        text = engine::describe(findings);
        if (ready) {
            text += fmt::format("\nServer at {}: {}\n",
                                client->base(),
                                ready->status == 200 ? "ready" : "not ready");
            std::string_view rest = ready->body;
            while (!rest.empty()) {
                const auto end = std::min(rest.find('\n'), rest.size());
                text += "  " + printable(std::string(rest.substr(0, end))) + "\n";
                rest.remove_prefix(std::min(end + 1, rest.size()));
            }
        } else {
            text += named ? "\nServer: " + ready.error().message + "\n"
                          : fmt::format("\nNo server at {}.\n", client->base());
        }
    }
    (void)write_text(STDOUT_FILENO, text);
    if (!ready && named) return ExitCode::kCannotConnect;
    return good ? ExitCode::kSuccess : ExitCode::kSomeFailed;
}

}  // namespace sg::apps
