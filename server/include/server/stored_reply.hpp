#pragma once

#include <string_view>

#include <live/playback.hpp>
#include <server/http_message.hpp>

namespace sg::server {

/// The answer that a complete object gives to a GET or HEAD: 200, 206, 304 or 416. Playlists and
/// MPDs must be in memory: `signature` ("exp=...&sig=...", may be empty) is put at their relative
/// URIs, and they are compressed where the client takes it. `shared`: shared caches may keep it.
[[nodiscard]] Response stored_reply(const Request& request,
                                    live::Resource resource,
                                    std::string_view signature,
                                    bool shared);

}  // namespace sg::server
