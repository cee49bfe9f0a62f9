#pragma once

#include <api/call.hpp>

namespace sg::api {

/// An answer that is at hand, for handlers that await nothing.
[[nodiscard]] server::Task<Reply> ready(Reply reply);

}  // namespace sg::api
