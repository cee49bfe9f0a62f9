#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <api/call.hpp>

namespace sg::api {

// RFC 9110 §13 for things that can be edited. Tags are strong, and given here without quotes.

/// A tag of exactly these bytes.
[[nodiscard]] std::string etag_of(std::string_view content);

/// Adds ETag; a 304 without a body when the client has the same (If-None-Match).
[[nodiscard]] server::Response with_etag(const Call& call,
                                         server::Response response,
                                         const std::string& etag);

/// Whether a change of the thing with this tag may go on: If-Match, and If-None-Match: * for making
/// what must not be there (`etag` empty). `required`: If-Match must be given.
[[nodiscard]] std::optional<Problem> check_match(const Call& call,
                                                 const std::string& etag,
                                                 bool required);

}  // namespace sg::api
