#pragma once

#include <string>
#include <string_view>

namespace sg::api {

/// Whether a client's X-Request-Id is taken over: 1 to 128 of letters, digits and "._-:".
[[nodiscard]] bool is_request_id(std::string_view text) noexcept;

/// Version 00 of W3C Trace Context §3.2, or a later one in whose front that stands; not all zeros.
[[nodiscard]] bool is_traceparent(std::string_view text) noexcept;

/// A new trace, sampled.
[[nodiscard]] std::string make_traceparent();

/// "4bf92f3577b34da6a3ce929d0e0e4736"; of a checked one.
[[nodiscard]] std::string_view trace_id_of(std::string_view traceparent) noexcept;

}  // namespace sg::api
