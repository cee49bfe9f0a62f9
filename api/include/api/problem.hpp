#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <server/http_message.hpp>

#include <base/result.hpp>

namespace sg::api {

/// What a client is told when its request fails (RFC 9457, application/problem+json).
struct Problem {
    int status = 500;
    std::string
        code;  ///< stable: "unknown_field", "not_found", "rate_limited"; docs/api.md lists them
    std::string detail;   ///< what was wrong with this request and what to do, one line
    std::string pointer;  ///< JSON pointer (RFC 6901) to the member at fault, empty when none is
    bool retryable = false;
    std::optional<std::chrono::seconds> retry_after;

    /// Further faults of the same document, each with code, detail and pointer.
    std::vector<Problem> errors;
};

/// The one place that decides which status an Error of ours becomes.
[[nodiscard]] Problem problem_of(const Error& error);
[[nodiscard]] Problem not_found(std::string_view what, std::string_view id);

[[nodiscard]] server::Response to_response(const Problem& problem, std::string_view request_id);

}  // namespace sg::api
