#pragma once

#include <api/api_router.hpp>
#include <api/audit_log.hpp>

namespace sg::api {

/// /v1/audit, /v1/audit/export and /v1/audit/verify. `audit` must outlive the router.
void add_audit_routes(ApiRouter& router, AuditLog& audit);

/// /problems and /problems/{code}: what the types of problems mean.
void add_problem_routes(ApiRouter& router);

}  // namespace sg::api
