#include "audit_entry.hpp"

#include <utility>

#include <api/api_router.hpp>
#include <api/audit_log.hpp>

#include <base/log.hpp>

#include "database_write.hpp"
#include "utf8.hpp"

namespace sg::api {
namespace {

std::string readable(std::string text) {
    return is_utf8(text) ? text : "(not UTF-8)";
}

/// Empty for what is not noted.
std::string outcome_of(const Call& call, const Reply& reply) {
    if (call.audit_log == nullptr || call.operation == nullptr || !call.operation->audited ||
        call.audit.skip || call.principal.name.empty()) {
        return {};
    }
    const auto* failed = std::get_if<Problem>(&reply);
    const auto* response = std::get_if<server::Response>(&reply);
    const int status = failed != nullptr     ? failed->status
                       : response != nullptr ? response->status
                                             : call.exchange.status();
    const auto code = failed != nullptr ? failed->code : std::to_string(status);
    if (status >= 500) return "failed:" + code;
    if (status == 403) return "refused:" + code;
    if (status >= 400 || status == 0) return {};
    return call.audit.written ? "" : "succeeded";
}

}  // namespace

AuditEntry audit_entry_of(const Call& call, std::string outcome) {
    AuditEntry entry;
    entry.actor = readable(call.principal.name);
    entry.address = call.request().client;
    entry.action = call.operation->id;
    entry.subject = call.audit.subject;
    if (entry.subject.empty()) {
        for (const auto& [name, value] : call.path) {
            entry.subject += (entry.subject.empty() ? "" : "/") + value;
        }
    }
    entry.subject = readable(std::move(entry.subject));
    entry.outcome = std::move(outcome);
    entry.request_id = call.request_id;
    entry.details = readable(call.audit.details);
    return entry;
}

server::Task<Reply> settle_audit(Call& call, Reply reply) {
    auto outcome = outcome_of(call, reply);
    if (outcome.empty()) co_return reply;
    const auto* log = call.audit_log;
    auto entry = audit_entry_of(call, std::move(outcome));
    sql::Database::Work work = [log, entry = std::move(entry)](sql::Connection& connection) {
        return log->append(connection, entry);
    };
    auto status = co_await plain_write(call.exchange.context(), log->database(), std::move(work));
    if (status) co_return reply;
    log::error("audit_entry_lost id={} operation={} reason=\"{}\"",
               call.request_id,
               call.operation->id,
               status.error().message);
    co_return problem("internal",
                      "the change may have been made, but could not be written to the audit log");
}

}  // namespace sg::api
