#include <vector>

#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "server_client.hpp"
#include "terminal.hpp"
#include "text_width.hpp"

namespace sg::apps {
namespace {

using nlohmann::json;

Result<std::vector<std::string>> worker_names(const ServerClient& client) {
    SG_TRY_ASSIGN(const auto reply, client.call({"GET", "/v1/workers"}));
    const auto answer = json::parse(reply.body, nullptr, false);
    if (!answer.is_object() || !answer.contains("items"))
        return Error{Errc::kBadData, "the server's answer is not as expected"};
    std::vector<std::string> names;
    for (const auto& worker : answer["items"]) names.push_back(worker.value("name", ""));
    return names;
}

}  // namespace

ExitCode run_drain(const DrainOptions& options) {
    const auto client = ServerClient::open(options.server);
    if (!client) return complain(ExitCode::kUsage, client.error().message);
    std::vector<std::string> workers{options.worker};
    if (options.worker.empty()) {
        auto names = worker_names(*client);
        if (!names) return complain(exit_code_of(names.error()), names.error().message);
        workers = std::move(*names);
    }
    for (const auto& worker : workers) {
        const auto reply = client->call(
            {"POST",
             fmt::format(
                 "/v1/workers/{}/{}", url_escaped(worker), options.resume ? "resume" : "drain")});
        if (!reply) return complain(exit_code_of(reply.error()), reply.error().message);
        const auto answer = json::parse(reply->body, nullptr, false);
        const auto running = answer.is_object() ? answer.value("running", 0) : 0;
        const auto text =
            options.json ? reply->body
            : options.resume
                ? fmt::format("{} takes jobs again", printable(worker))
                : fmt::format("{} takes no more jobs; {} at work",
                              printable(worker),
                              running == 1 ? "1 job" : fmt::format("{} jobs", running));
        (void)write_text(STDOUT_FILENO, text + "\n");
    }
    return ExitCode::kSuccess;
}

}  // namespace sg::apps
