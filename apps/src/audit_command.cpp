#include <cstdio>

#include <unistd.h>

#include <api/audit_log.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <base/file.hpp>

#include "commands.hpp"
#include "server_client.hpp"
#include "terminal.hpp"
#include "text_width.hpp"

namespace sg::apps {
namespace {

using nlohmann::json;

ExitCode tell(const std::string& report, bool as_json) {
    const auto facts = json::parse(report, nullptr, false);
    if (!facts.is_object())
        return complain(ExitCode::kSomeFailed, "the server's answer is not as expected");
    const auto faults = facts.value("faults", json::array());
    std::string text;
    if (as_json) {
        text = facts.dump(2) + "\n";
    } else {
        for (const auto& fault : faults)
            text += fmt::format("entry {}: {}: {}\n",
                                fault.value("seq", 0),
                                printable(fault.value("kind", "")),
                                printable(fault.value("message", "")));
        if (faults.empty())
            text = fmt::format("good: {} entries, {} to {}\n",
                               facts.value("entries", 0),
                               facts.value("first", 0),
                               facts.value("last", 0));
    }
    (void)write_text(STDOUT_FILENO, text);
    return faults.empty() ? ExitCode::kSuccess : ExitCode::kSomeFailed;
}

}  // namespace

ExitCode run_audit(const AuditOptions& options) {
    if (!options.file.empty()) {
        const auto report = api::verify_audit_file(options.file, options.key_file, options.anchors);
        if (!report) return complain(ExitCode::kNothingRead, report.error().message);
        return tell(api::to_json(*report), options.json);
    }
    const auto client = ServerClient::open(options.server);
    if (!client) return complain(ExitCode::kUsage, client.error().message);
    const bool verify = options.action == AuditOptions::Action::kVerify;
    const auto reply = client->call({"GET", verify ? "/v1/audit/verify" : "/v1/audit/export"});
    if (!reply) return complain(exit_code_of(reply.error()), reply.error().message);
    if (verify) return tell(reply->body, options.json);
    if (options.output.empty())
        return write_text(STDOUT_FILENO, reply->body) ? ExitCode::kSuccess : ExitCode::kSomeFailed;
    const auto written = write_file_atomic(options.output, reply->body, Durability::kFsync);
    if (!written) return complain(ExitCode::kSomeFailed, written.error().message);
    return ExitCode::kSuccess;
}

}  // namespace sg::apps
