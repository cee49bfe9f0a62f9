#pragma once

#include <optional>
#include <string_view>

#include <live/playback.hpp>

namespace sg::server {

/// The delivery directives of a query, RFC 8216bis §6.2.5; other parameters are passed over.
/// Nothing for values that must be refused with 400. Hostile text.
[[nodiscard]] std::optional<live::PlaylistDirectives> parse_directives(std::string_view query);

}  // namespace sg::server
