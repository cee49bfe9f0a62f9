#pragma once

#include <api/api_keys.hpp>
#include <api/api_router.hpp>

namespace sg::api {

/// /v1/keys: list, create, get, rotate, revoke. All borrowed; they must outlive the router.
void add_key_routes(ApiRouter& router, ApiKeys& keys, sql::Database& database, const Clock& clock);

}  // namespace sg::api
