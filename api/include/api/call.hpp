#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include <api/principal.hpp>
#include <api/problem.hpp>
#include <server/exchange.hpp>
#include <sql/database.hpp>

namespace sg::api {

class AuditLog;
struct Operation;

/// What a handler adds to the audit log's entry of an audited operation.
struct AuditNote {
    std::string subject;   ///< what was changed, "job_..."; else the path's parameters
    std::string details;   ///< a JSON object, no secrets; empty for none
    bool skip = false;     ///< nothing was to be changed: a dry run
    bool written = false;  ///< by write(), in the change's own transaction
};

/// A request of the API on its way: authenticated, within its limits, path and query taken apart.
/// Lives as long as its handler's coroutine.
struct Call {
    server::Exchange& exchange;
    Principal principal;
    std::string request_id;   ///< X-Request-Id of the client when it is well-formed, else ours;
                              ///< answered and logged
    std::string traceparent;  ///< W3C Trace Context, checked; ours when the client sent none
    std::map<std::string, std::string, std::less<>> path;  ///< "{id}" of the route's pattern
    std::map<std::string, std::string, std::less<>>
        query;  ///< decoded; a repeated or unknown name is refused before
    AuditNote audit{};
    const Operation* operation = nullptr;
    AuditLog* audit_log = nullptr;  ///< null without one

    [[nodiscard]] const server::Request& request() const { return exchange.request(); }
    [[nodiscard]] std::string_view param(std::string_view name) const;
    [[nodiscard]] std::optional<std::string> asked(std::string_view name) const;
};

/// What a handler ends with: an answer, a problem, or nothing when it answered through the
/// exchange.
using Reply = std::variant<std::monostate, server::Response, Problem>;

/// Waits for a write without holding the thread; resumes on the exchange's context. Throws nothing.
/// Of an audited operation the first write carries the audit log's entry in its transaction: fill
/// in Call::audit before, also from within `work`.
[[nodiscard]] server::Task<Status> write(Call& call,
                                         sql::Database& database,
                                         sql::Database::Work work);

/// application/json, not stored by caches.
[[nodiscard]] server::Response json_response(int status, std::string text);

}  // namespace sg::api
