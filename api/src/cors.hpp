#pragma once

#include <optional>
#include <string>
#include <vector>

#include <server/http_message.hpp>

#include "answering.hpp"

namespace sg::api {

// Pages of other sites (Fetch Standard §3.2, CORS). `allowed` are origins, or "*".

/// Lets the page read every answer of this exchange, if its origin is allowed.
void add_cors(const server::Request& request,
              const std::vector<std::string>& allowed,
              Answering& answer);
/// The answer to a preflight of an allowed origin. It has no credentials, so it comes before them.
[[nodiscard]] std::optional<server::Response> preflight(const server::Request& request,
                                                        const std::vector<std::string>& allowed);

}  // namespace sg::api
