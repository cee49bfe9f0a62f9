#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "answer_text.hpp"
#include "commands.hpp"
#include "quantities.hpp"
#include "server_client.hpp"
#include "table.hpp"
#include "terminal.hpp"
#include "text_width.hpp"

namespace sg::apps {
namespace {

using nlohmann::json;

std::string list_text(const json& answer) {
    Table table(
        {{"KEY"}, {"NAME"}, {"ROLE"}, {"OWNER"}, {"CREATED"}, {"EXPIRES"}, {"USED"}, {"STATE"}});
    for (const auto& key : answer.value("items", json::array())) {
        table.add_row({text(key, "id"),
                       text(key, "name"),
                       text(key, "role"),
                       text(key, "owner"),
                       text(key, "created_at").substr(0, 19),
                       text(key, "expires_at").substr(0, 19),
                       text(key, "last_used_at").substr(0, 19),
                       text(key, "state")});
    }
    return table.text(0);
}

Result<ServerClient::Request> request_of(const KeysOptions& options) {
    using Action = KeysOptions::Action;
    ServerClient::Request request;
    request.path = "/v1/keys";
    if (options.action == Action::kList) return request;
    request.method = options.action == Action::kRevoke ? "DELETE" : "POST";
    if (options.action == Action::kCreate) {
        json body{{"name", options.name},
                  {"role", options.role.empty() ? "submitter" : options.role},
                  {"owner", options.owner.empty() ? options.name : options.owner}};
        if (!options.scopes.empty()) body["scopes"] = options.scopes;
        if (!options.expires.empty()) body["expires_at"] = options.expires;
        request.body = body.dump();
        return request;
    }
    request.path += "/" + url_escaped(options.id);
    if (options.action == Action::kRotate) {
        request.path += "/rotate";
        json body = json::object();
        if (!options.overlap.empty()) {
            SG_TRY_ASSIGN(const auto seconds, parse_seconds(options.overlap));
            body["overlap_s"] = seconds;
        }
        request.body = body.dump();
    }
    return request;
}

}  // namespace

ExitCode run_keys(const KeysOptions& options) {
    using Action = KeysOptions::Action;
    auto request = request_of(options);
    if (!request) return complain(ExitCode::kUsage, request.error().message);
    const auto client = ServerClient::open(options.server);
    if (!client) return complain(ExitCode::kUsage, client.error().message);
    const auto reply = client->call(std::move(*request));
    if (!reply) return complain(exit_code_of(reply.error()), reply.error().message);
    if (options.action == Action::kRevoke) {
        (void)write_text(
            STDOUT_FILENO,
            options.json ? reply->body : printable(options.id) + " is valid no more\n");
        return ExitCode::kSuccess;
    }
    const auto answer = json::parse(reply->body, nullptr, false);
    if (!answer.is_object())
        return complain(ExitCode::kSomeFailed, "the server's answer is not as expected");
    std::string out;
    if (options.json) {
        out = answer.dump(2) + "\n";
    } else if (options.action == Action::kList) {
        out = answer.value("items", json::array()).empty() ? "no keys\n" : list_text(answer);
    } else {
        // The key alone, so that it can be put into a file; the rest is for people.
        out = text(answer, "secret") + "\n";
        (void)write_text(
            STDERR_FILENO,
            fmt::format("{}: keep the key, it is not shown again\n", text(answer, "id")));
    }
    (void)write_text(STDOUT_FILENO, out);
    return ExitCode::kSuccess;
}

}  // namespace sg::apps
