#include <algorithm>
#include <array>

#include <api/problem.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <base/log.hpp>

namespace sg::api {
namespace {

using nlohmann::json;

constexpr std::array kKinds{
    // The request itself.
    ProblemKind{"malformed_request",
                400,
                false,
                "Malformed request",
                "The request breaks HTTP's rules; the detail says where."},
    ProblemKind{"invalid_path",
                400,
                false,
                "Invalid path",
                "The path is not valid UTF-8 or names something in a way that is not accepted."},
    ProblemKind{"unknown_parameter",
                400,
                false,
                "Unknown query parameter",
                "The operation does not have this query parameter."},
    ProblemKind{"repeated_parameter",
                400,
                false,
                "Repeated query parameter",
                "A query parameter or field that may come once came twice."},
    ProblemKind{"invalid_parameter",
                400,
                false,
                "Invalid parameter",
                "The value of a query parameter or header field is not accepted."},
    ProblemKind{"missing_body", 400, false, "Missing body", "The operation needs a JSON body."},
    ProblemKind{"unexpected_body", 400, false, "Unexpected body", "The operation takes no body."},
    ProblemKind{"malformed_json",
                400,
                false,
                "Malformed JSON",
                "The body is not JSON (RFC 8259) in UTF-8."},
    ProblemKind{"json_too_deep",
                400,
                false,
                "JSON nested too deeply",
                "Arrays and objects are nested deeper than is accepted."},
    ProblemKind{"json_too_large",
                400,
                false,
                "JSON with too many values",
                "The body has more values than is accepted."},
    ProblemKind{"duplicate_member",
                400,
                false,
                "Duplicate member",
                "An object has the same member twice, which readers understand differently."},
    ProblemKind{"number_out_of_range",
                400,
                false,
                "Number out of range",
                "A number is too large to be kept exactly."},
    // Who asks.
    ProblemKind{
        "unauthenticated",
        401,
        false,
        "Authentication needed",
        "The request has no credentials: send an API key or a token as Authorization: Bearer."},
    ProblemKind{"invalid_credentials",
                401,
                false,
                "Invalid credentials",
                "The API key or token is unknown, expired, revoked or not valid here."},
    ProblemKind{"forbidden",
                403,
                false,
                "Forbidden",
                "The credentials are good, but their role or scopes do not allow this."},
    ProblemKind{"cross_origin",
                403,
                false,
                "Cross-origin request refused",
                "Without authentication only requests to a loopback name and from no other web "
                "site are answered."},
    // What it asks for.
    ProblemKind{"not_found",
                404,
                false,
                "Not found",
                "There is no such thing, or it belongs to somebody else."},
    ProblemKind{"method_not_allowed",
                405,
                false,
                "Method not allowed",
                "The path does not have this method; Allow lists those it has."},
    ProblemKind{"not_acceptable",
                406,
                false,
                "Not acceptable",
                "The Accept field excludes the only form of the answer, which is JSON."},
    ProblemKind{
        "request_timeout", 408, true, "Request timeout", "The request did not come in time."},
    ProblemKind{
        "conflict", 409, false, "Conflict", "The thing is in a state that does not allow this."},
    ProblemKind{"read_only",
                409,
                false,
                "Read-only",
                "The thing is in the configuration file, which the API does not change."},
    ProblemKind{"request_in_progress",
                409,
                true,
                "Request in progress",
                "The first request with this Idempotency-Key is not answered yet."},
    ProblemKind{"gone", 410, false, "Gone", "The thing was there and is not any more."},
    ProblemKind{
        "length_required", 411, false, "Length required", "A body must come with its length here."},
    ProblemKind{"precondition_failed",
                412,
                false,
                "Precondition failed",
                "The thing was changed since: its ETag is not that of If-Match."},
    ProblemKind{"body_too_large",
                413,
                false,
                "Body too large",
                "The body is longer than the operation takes."},
    ProblemKind{"unsupported_media_type",
                415,
                false,
                "Unsupported media type",
                "The body is not of the content type that the operation takes."},
    ProblemKind{"range_not_satisfiable",
                416,
                false,
                "Range not satisfiable",
                "The range lies outside of the object."},
    ProblemKind{"misdirected_request",
                421,
                false,
                "Misdirected request",
                "The request is meant for another server."},
    ProblemKind{"locked",
                423,
                true,
                "Locked",
                "Another request is changing the thing; it may be sent again in a moment."},
    // What the document says.
    ProblemKind{
        "invalid_document",
        422,
        false,
        "Invalid document",
        "The document is well-formed and says something that is not accepted; errors lists what."},
    ProblemKind{"unknown_field",
                422,
                false,
                "Unknown field",
                "The document has a member that is not known."},
    ProblemKind{"missing_field", 422, false, "Missing field", "The document lacks a member."},
    ProblemKind{"wrong_type",
                422,
                false,
                "Wrong type",
                "A member of the document has another type than it must have."},
    ProblemKind{
        "invalid_value", 422, false, "Invalid value", "A value in the document is not accepted."},
    ProblemKind{
        "out_of_range",
        422,
        false,
        "Out of range",
        "A number, a length or a count in the document is larger or smaller than is accepted."},
    ProblemKind{"invalid_character",
                422,
                false,
                "Invalid character",
                "A text holds a control character, or one that turns the direction of writing."},
    ProblemKind{"unknown_preset",
                422,
                false,
                "Unknown preset",
                "There is no preset of this name and version that the caller can use."},
    ProblemKind{"bad_preset",
                422,
                false,
                "Bad preset",
                "The preset, with the overrides of the document, is not one that can be used."},
    ProblemKind{"invalid_url",
                422,
                false,
                "Invalid address",
                "The address is no http or https URL with a host."},
    ProblemKind{
        "address_refused",
        422,
        false,
        "Address refused",
        "The address is not on the public internet, and the service's policy refuses others."},
    ProblemKind{"path_refused",
                422,
                false,
                "Path refused",
                "The path lies outside of the folders that jobs may name, or is no regular file."},
    ProblemKind{"input_not_found", 422, false, "Input not found", "There is no file at the path."},
    ProblemKind{
        "unknown_upload", 422, false, "Unknown upload", "There is no such upload of this owner."},
    ProblemKind{"unsupported",
                422,
                false,
                "Unsupported",
                "The request is understood, but it asks for what this service cannot do."},
    ProblemKind{"bad_media",
                422,
                false,
                "Bad media",
                "The input is damaged or no media that is understood."},
    ProblemKind{
        "not_allowed",
        422,
        false,
        "Not allowed by policy",
        "The document names a path, an address or a size that the service's policy refuses."},
    ProblemKind{"idempotency_key_reused",
                422,
                false,
                "Idempotency key reused",
                "The Idempotency-Key was used with another request."},
    ProblemKind{"limit_exceeded",
                422,
                false,
                "Limit exceeded",
                "The request exceeds a limit of the service."},
    ProblemKind{"upgrade_required", 426, false, "Upgrade required", "The path speaks WebSocket."},
    ProblemKind{"precondition_required",
                428,
                false,
                "Precondition required",
                "The change needs If-Match with the ETag of what it changes."},
    ProblemKind{"rate_limited",
                429,
                true,
                "Too many requests",
                "The rate limit is used up; Retry-After says when to come again."},
    ProblemKind{"quota_exceeded",
                429,
                true,
                "Quota exceeded",
                "The owner has as many jobs, uploads or streams as it may have at a time."},
    ProblemKind{"header_too_large",
                431,
                false,
                "Header too large",
                "The header is longer, or has more fields, than is accepted."},
    ProblemKind{"checksum_mismatch",
                460,
                true,
                "Checksum mismatch",
                "The bytes that came are not those of the checksum that was sent."},
    // What the service could not do.
    ProblemKind{"internal",
                500,
                false,
                "Internal error",
                "The service failed; its log has more under the request id."},
    ProblemKind{"unsupported_transfer_coding",
                501,
                false,
                "Unsupported transfer coding",
                "No transfer coding but chunked is understood."},
    ProblemKind{"upstream_failed",
                502,
                true,
                "Upstream failed",
                "A server that the request needs did not answer as it should."},
    ProblemKind{"unavailable",
                503,
                true,
                "Unavailable",
                "The service is stopping, draining or overloaded; try again."},
    ProblemKind{"timeout", 504, true, "Timeout", "What the request needs took too long."},
    ProblemKind{"unsupported_http_version",
                505,
                false,
                "Unsupported HTTP version",
                "HTTP/1.0 and HTTP/1.1 are spoken here."},
    ProblemKind{"no_space", 507, true, "No space", "The disk is full."},
};

std::string_view code_of(Errc code) {
    switch (code) {
        case Errc::kInvalidArgument:
            return "invalid_value";
        case Errc::kUnsupported:
            return "unsupported";
        case Errc::kNotFound:
            return "not_found";
        case Errc::kPermission:
            return "not_allowed";
        case Errc::kNoSpace:
            return "no_space";
        case Errc::kBadData:
            return "bad_media";
        case Errc::kTimeout:
            return "timeout";
        case Errc::kLimit:
            return "limit_exceeded";
        case Errc::kMismatch:
            return "conflict";
        case Errc::kCancelled:
            return "unavailable";
        case Errc::kIo:
        case Errc::kEndOfStream:
        case Errc::kAgain:
        case Errc::kCrashed:
        case Errc::kInternal:
            return "internal";
    }
    return "internal";
}

json to_json(const Problem& problem) {
    json out{{"code", problem.code}, {"detail", problem.detail}};
    if (!problem.pointer.empty()) out["pointer"] = problem.pointer;
    return out;
}

}  // namespace

std::span<const ProblemKind> problem_kinds() noexcept {
    return kKinds;
}

const ProblemKind* problem_kind(std::string_view code) noexcept {
    const auto* found = std::find_if(
        kKinds.begin(), kKinds.end(), [&](const ProblemKind& kind) { return kind.code == code; });
    return found == kKinds.end() ? nullptr : found;
}

Problem problem(std::string_view code, std::string detail, std::string pointer) {
    const auto* kind = problem_kind(code);
    Problem out;
    out.status = kind != nullptr ? kind->status : 500;
    out.code = code;
    out.detail = std::move(detail);
    out.pointer = std::move(pointer);
    out.retryable = kind != nullptr && kind->retryable;
    return out;
}

Problem problem_of(const Error& error) {
    if (error.code == Errc::kInternal) {
        // A fault of ours, told in words of ours: statements, columns, paths.
        log::error("api_internal reason=\"{}\"", error.message);
        return problem("internal", "the service failed; its log says more");
    }
    return problem(code_of(error.code), error.message);
}

Problem not_found(std::string_view what, std::string_view id) {
    return problem("not_found", fmt::format("there is no {} '{}'", what, id));
}

server::Response to_response(const Problem& problem, std::string_view request_id) {
    auto body = to_json(problem);
    const auto* kind = problem_kind(problem.code);
    body["type"] = "/problems/" + problem.code;
    body["title"] = kind != nullptr ? kind->title : server::status_text(problem.status);
    body["status"] = problem.status;
    body["retryable"] = problem.retryable;
    if (!request_id.empty()) body["instance"] = request_id;
    for (const auto& error : problem.errors) body["errors"].push_back(to_json(error));
    // Text of the client's stands in it, which may be anything.
    auto text = body.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
    auto response =
        server::Response::text(problem.status, "application/problem+json", std::move(text));
    response.add("Cache-Control", "no-store");
    if (problem.retry_after) {
        response.add("Retry-After", std::to_string(problem.retry_after->count()));
    }
    return response;
}

}  // namespace sg::api
