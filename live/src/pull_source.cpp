#include "pull_source.hpp"

#include <fmt/format.h>

#include "pull_url.hpp"

namespace sg::live {

Result<std::unique_ptr<PullSource>> make_pull_source(const InputSettings& input,
                                                     const PullContext& context,
                                                     PullOwner& owner) {
    if (input.kind != InputKind::kPull) return make_child_pull(input, context, owner);
    const auto scheme = scheme_of(input.url);
    if (scheme == "rtmp" || scheme == "rtmps") return make_rtmp_pull(input, context, owner);
    if (scheme == "srt") return make_srt_pull(input, context, owner);
    if (scheme == "udp" || scheme == "rtp") return make_udp_pull(input, context, owner);
    if (scheme == "http" || scheme == "https") return make_http_pull(input, context, owner);
    if (scheme == "rtsp" || scheme == "rtsps" || scheme == "rtspu")
        return make_child_pull(input, context, owner);
    return Error{Errc::kUnsupported,
                 fmt::format("pull {}: the URL must begin with rtmp, rtmps, srt, udp, rtp, http, "
                             "https, rtsp, rtsps or rtspu",
                             shown_url(input.url))};
}

}  // namespace sg::live
