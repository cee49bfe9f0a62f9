#include "pull_source.hpp"

#include <fmt/format.h>
#include <live/pull_inputs.hpp>

#include <protocols/rtmp_client.hpp>
#include <protocols/srt_caller.hpp>
#include <protocols/udp_receiver.hpp>

#include "pull_url.hpp"

namespace sg::live {
namespace {

enum class Way { kRtmp, kSrt, kUdp, kHttp, kRtsp };

Result<Way> way_of(const std::string& url) {
    const auto scheme = scheme_of(url);
    if (scheme == "rtmp" || scheme == "rtmps") return Way::kRtmp;
    if (scheme == "srt") return Way::kSrt;
    if (scheme == "udp" || scheme == "rtp") return Way::kUdp;
    if (scheme == "http" || scheme == "https") return Way::kHttp;
    if (scheme == "rtsp" || scheme == "rtsps" || scheme == "rtspu") return Way::kRtsp;
    return Error{Errc::kUnsupported,
                 fmt::format("pull {}: the URL must begin with rtmp, rtmps, srt, udp, rtp, http, "
                             "https, rtsp, rtsps or rtspu, and ://",
                             shown_url(url))};
}

}  // namespace

Result<std::unique_ptr<PullSource>> make_pull_source(const InputSettings& input,
                                                     const PullContext& context,
                                                     PullOwner& owner) {
    if (input.kind != InputKind::kPull) return make_child_pull(input, context, owner);
    SG_TRY_ASSIGN(const auto way, way_of(input.url));
    switch (way) {
        case Way::kRtmp:
            return make_rtmp_pull(input, context, owner);
        case Way::kSrt:
            return make_srt_pull(input, context, owner);
        case Way::kUdp:
            return make_udp_pull(input, context, owner);
        case Way::kHttp:
            return make_http_pull(input, context, owner);
        case Way::kRtsp:
            break;
    }
    return make_child_pull(input, context, owner);
}

Status check_pull_url(const std::string& url) {
    SG_TRY_ASSIGN(const auto way, way_of(url));
    switch (way) {
        case Way::kRtmp:
            if (const auto parsed = protocols::parse_rtmp_url(url); !parsed) return parsed.error();
            return {};
        case Way::kSrt:
            if (const auto parsed = srt_call_of(url); !parsed) return parsed.error();
            return {};
        case Way::kUdp:
            if (const auto parsed = udp_options_of(url); !parsed) return parsed.error();
            return {};
        case Way::kHttp:
        case Way::kRtsp:
            break;
    }
    if (url.size() == url.find("://") + 3 || url[url.find("://") + 3] == '/')
        return Error{Errc::kInvalidArgument,
                     fmt::format("pull {}: the URL names no host", shown_url(url))};
    return {};
}

}  // namespace sg::live
