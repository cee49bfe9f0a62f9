#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <api/call.hpp>
#include <api/principal.hpp>
#include <server/router.hpp>

namespace sg::api {

/// A query parameter that a route knows. Others are refused.
struct QueryParam {
    std::string name;
    std::string description;
    std::string schema = R"({"type":"string"})";  ///< JSON Schema
};

/// One operation: what the router enforces and what /openapi.json says of it come from here.
struct Operation {
    server::Method method = server::Method::kGet;
    std::string pattern;  ///< "/v1/jobs/{id}/cancel"; a last "{path...}" takes the rest
    std::string id;       ///< operationId: "cancelJob"
    std::string tag;      ///< group of the documentation, and the scope it needs: "jobs"
    std::string summary;
    Role least = Role::kViewer;
    bool open = false;  ///< without authentication: documents, signed downloads
    std::size_t max_body_bytes = 0;
    std::string request_schema;   ///< name in components.schemas, empty without a JSON body
    std::string response_schema;  ///< of the success
    int success = 200;
    std::map<int, std::string> also{};  ///< further successes and their schemas
    std::vector<QueryParam> query;
    std::vector<QueryParam> headers{};  ///< fields of the request, for the documentation
    bool audited = false;               ///< a change: written to the audit log with its outcome
    /// No answer is buffered for it: it streams, or takes its own body, by Exchange::read_body().
    bool streams = false;
    /// Of a body with a request_schema, without parameters. Refused otherwise with 415.
    std::vector<std::string> content_types{"application/json"};
    bool body_optional = false;
    std::function<server::Task<Reply>(Call&)> handler;
};

/// What most operations are told by; the rest is set on what it gives.
[[nodiscard]] Operation operation(server::Method method,
                                  std::string pattern,
                                  std::string id,
                                  std::string tag,
                                  std::string summary,
                                  std::string response_schema);

/// Authentication, limits, request ids, audit, problems and documentation around the operations.
/// Filled before the server starts. Gives each request its id and trace, writes one line to the log
/// about it, and counts it in streamgate_api_request_seconds.
class ApiRouter {
  public:
    struct Gate;  ///< what stands in front of handlers (gate.hpp)
    explicit ApiRouter(std::shared_ptr<Gate> gate);
    ~ApiRouter();

    void add(Operation operation);
    [[nodiscard]] const std::vector<Operation>& operations() const;

    /// Puts everything below /v1/ and the documents into the server's router. Must outlive it.
    void mount(server::Router& router);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sg::api
