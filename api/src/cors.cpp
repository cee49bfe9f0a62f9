#include "cors.hpp"

#include <algorithm>

namespace sg::api {
namespace {

constexpr std::string_view kMethods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
constexpr std::string_view kRequestFields =
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, Range, "
    "Repr-Digest, Content-Digest, Traceparent, X-Checksum-Sha256, X-Request-Id, Tus-Resumable, "
    "Upload-Checksum, Upload-Defer-Length, Upload-Length, Upload-Metadata, Upload-Offset";
constexpr std::string_view kAnswerFields =
    "Content-Range, ETag, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id, "
    "Tus-Checksum-Algorithm, Tus-Extension, Tus-Max-Size, Tus-Resumable, Tus-Version, "
    "Upload-Defer-Length, Upload-Expires, Upload-Length, Upload-Metadata, Upload-Offset";

/// What to name as allowed; empty: nothing.
std::string_view allowed_origin(const server::Request& request,
                                const std::vector<std::string>& allowed) {
    const auto origin = request.field("origin");
    if (origin.empty()) return {};
    const auto found = std::find_if(allowed.begin(), allowed.end(), [&](const std::string& entry) {
        return entry == "*" || entry == origin;
    });
    return found == allowed.end() ? std::string_view() : std::string_view(*found);
}

}  // namespace

void add_cors(const server::Request& request,
              const std::vector<std::string>& allowed,
              Answering& answer) {
    if (allowed.empty()) return;
    const auto origin = allowed_origin(request, allowed);
    if (origin != "*") answer.add("Vary", "Origin");
    if (origin.empty()) return;
    answer.add("Access-Control-Allow-Origin", origin);
    answer.add("Access-Control-Expose-Headers", kAnswerFields);
}

std::optional<server::Response> preflight(const server::Request& request,
                                          const std::vector<std::string>& allowed) {
    if (request.method != server::Method::kOptions ||
        request.field("access-control-request-method").empty() ||
        allowed_origin(request, allowed).empty()) {
        return std::nullopt;
    }
    server::Response response;
    response.status = 204;
    response.add("Access-Control-Allow-Methods", kMethods);
    response.add("Access-Control-Allow-Headers", kRequestFields);
    response.add("Access-Control-Max-Age", "86400");
    return response;
}

}  // namespace sg::api
