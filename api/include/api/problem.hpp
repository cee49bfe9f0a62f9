#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <server/http_message.hpp>

#include <base/result.hpp>

namespace sg::api {

/// What a client is told when its request fails (RFC 9457, application/problem+json). Its "type" is
/// "/problems/CODE", which the service answers with what the code means.
struct Problem {
    int status = 500;
    std::string code;     ///< stable: one of problem_kinds()
    std::string detail;   ///< what was wrong with this request and what to do, one line
    std::string pointer;  ///< JSON pointer (RFC 6901) to the member at fault, empty when none is
    bool retryable = false;
    std::optional<std::chrono::seconds> retry_after;

    /// Further faults of the same document, each with code, detail and pointer.
    std::vector<Problem> errors;
};

/// A code, the status it comes with, and what it means in general. The list is the whole of what
/// the API answers with; docs/api.md shows it.
struct ProblemKind {
    std::string_view code;
    int status = 500;
    bool retryable = false;  ///< the same request may succeed later
    std::string_view title;
    std::string_view meaning;
};
[[nodiscard]] std::span<const ProblemKind> problem_kinds() noexcept;
/// Null for a code that is not in the list.
[[nodiscard]] const ProblemKind* problem_kind(std::string_view code) noexcept;

/// With the status and retryable of its kind. `code` must be one of problem_kinds().
[[nodiscard]] Problem problem(std::string_view code, std::string detail, std::string pointer = {});

/// The one place that decides which status an Error of ours becomes.
[[nodiscard]] Problem problem_of(const Error& error);
[[nodiscard]] Problem not_found(std::string_view what, std::string_view id);

[[nodiscard]] server::Response to_response(const Problem& problem, std::string_view request_id);

}  // namespace sg::api
