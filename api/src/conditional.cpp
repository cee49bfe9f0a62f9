#include <utility>

#include <api/conditional.hpp>
#include <fmt/format.h>
#include <server/range_header.hpp>

#include <base/digest.hpp>

namespace sg::api {

std::string etag_of(std::string_view content) {
    return sha256_hex(content).substr(0, 32);
}

server::Response with_etag(const Call& call, server::Response response, const std::string& etag) {
    if (server::has_etag(call.request().field("if-none-match"), etag)) {
        response = server::Response();
        response.status = 304;
    }
    response.add("ETag", fmt::format("\"{}\"", etag));
    return response;
}

std::optional<Problem> check_match(const Call& call, const std::string& etag, bool required) {
    const auto match = call.request().field("if-match");
    const auto none = call.request().field("if-none-match");
    if (!none.empty() && !etag.empty() && server::has_etag(none, etag)) {
        return problem("precondition_failed", "it is there already, as it is asked not to be");
    }
    if (match.empty()) {
        if (!required) return std::nullopt;
        return problem("precondition_required",
                       "send If-Match with the ETag of what you have seen, so that no other's "
                       "change is lost");
    }
    // RFC 9110 §13.1.1: compared strongly.
    const bool weak = match.find("W/") != std::string_view::npos;
    if (!etag.empty() && !weak && server::has_etag(match, etag)) return std::nullopt;
    return problem("precondition_failed",
                   "it was changed since: get it again, and send If-Match with its new ETag");
}

}  // namespace sg::api
