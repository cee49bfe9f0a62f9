#pragma once

#include <string>

#include <api/call.hpp>

namespace sg::api {

struct AuditEntry;

/// The audit log's entry of a call, with its outcome.
[[nodiscard]] AuditEntry audit_entry_of(const Call& call, std::string outcome);

/// Adds the entry of an audited operation that ended in `reply`, unless write() did it with the
/// change: durable before the client is answered. Gives back the reply, or a problem when the entry
/// could not be written. What a client may not do is noted too; what was malformed is not.
[[nodiscard]] server::Task<Reply> settle_audit(Call& call, Reply reply);

}  // namespace sg::api
