#pragma once

#include <string>
#include <string_view>

#include <live/playback.hpp>
#include <server/http_message.hpp>

#include "playlist_encodings.hpp"

namespace sg::server {

struct ReplyContext {
    const Request& request;
    /// Names the object and its form beside its validator: path, and whether it is a delta.
    std::string encoding_key;
    std::string_view signature;  ///< token to carry over into playlists; may be empty
    bool by_cookie = false;      ///< the viewer was let in by a cookie: shared caches must not keep
    PlaylistEncodings& encodings;
};

/// The answer that a complete object gives to a GET or HEAD: 200, 206, 304 or 416, playlists
/// compressed where the client takes it.
[[nodiscard]] Response reply_with(live::Resource resource, const ReplyContext& context);

/// The head of an answer to an object that still grows.
[[nodiscard]] Response growing_head(const live::Resource& resource, bool by_cookie);

}  // namespace sg::server
