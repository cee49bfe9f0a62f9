#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <api/api_router.hpp>

namespace sg::api {

/// The API as an OpenAPI 3.1 document, made from what the router enforces.
[[nodiscard]] std::string openapi_document(const std::vector<Operation>& operations,
                                           std::string_view version);

/// The JSON Schema of job documents (the subset that drafts 7 and 2020-12 share).
[[nodiscard]] std::string_view job_schema();

/// /openapi.json, /v1/schemas/job.json, /v1/schemas/preset.json, and /docs for people. After all
/// other operations; `router` outlives the server.
void add_document_routes(ApiRouter& router, std::string version);

}  // namespace sg::api
