#pragma once

#include <string>
#include <string_view>

namespace sg::server {

/// A playlist (RFC 8216) or MPD with the query `token` at each relative URI, so that players
/// without cookies carry it along. Absolute URIs lead elsewhere and stay as they are.
[[nodiscard]] std::string sign_playlist_uris(std::string_view playlist, std::string_view token);
[[nodiscard]] std::string sign_manifest_uris(std::string_view mpd, std::string_view token);

}  // namespace sg::server
