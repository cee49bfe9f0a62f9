#pragma once

#include <optional>
#include <string_view>

#include <api/call.hpp>
#include <api/gate.hpp>

#include "answering.hpp"

namespace sg::api {

// What the gate asks of a request before its handler runs. Each gives a problem, or nothing.

/// Whether the address comes too often; before anything is looked at.
[[nodiscard]] std::optional<Problem> limit_address(const Call& call,
                                                   const ApiRouter::Gate& gate,
                                                   Answering& answer);
/// Finds out who it is (Call::principal), and whether it comes too often.
[[nodiscard]] std::optional<Problem> admit(Call& call,
                                           const ApiRouter::Gate& gate,
                                           Answering& answer);
/// Role and scope.
[[nodiscard]] std::optional<Problem> allow(const Principal& principal, const Operation& operation);
/// Path, query, and the fields that name content types.
[[nodiscard]] std::optional<Problem> check_form(Call& call, const Operation& operation);

/// Whether a Host field or an origin names this machine to itself: localhost, 127.0.0.0/8, [::1],
/// with or without a port.
[[nodiscard]] bool is_loopback_host(std::string_view host);

}  // namespace sg::api
