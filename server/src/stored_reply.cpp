#include <utility>

#include <server/stored_reply.hpp>

#include "playback_reply.hpp"

namespace sg::server {

Response stored_reply(const Request& request,
                      live::Resource resource,
                      std::string_view signature,
                      bool shared) {
    PlaylistEncodings unshared;
    const ReplyContext context{request, request.path, signature, !shared, unshared};
    return reply_with(std::move(resource), context);
}

}  // namespace sg::server
