#include <charconv>

#include <fmt/format.h>

#include <protocols/rtmp_url.hpp>

namespace sg::protocols {
namespace {

constexpr std::uint16_t kPort = 1935;
constexpr std::uint16_t kSecurePort = 443;

Error bad_url(const char* why) {
    return Error{Errc::kInvalidArgument,
                 fmt::format("an RTMP address {}; it looks like rtmp://host/app/stream", why)};
}

}  // namespace

std::string RtmpUrl::tc_url() const {
    const bool v6 = host.find(':') != std::string::npos;
    std::string url = secure ? "rtmps://" : "rtmp://";
    url += v6 ? '[' + host + ']' : host;
    if (port != (secure ? kSecurePort : kPort)) url += fmt::format(":{}", port);
    return url + '/' + app;
}

Result<RtmpUrl> parse_rtmp_url(std::string_view text) {
    RtmpUrl url;
    if (text.starts_with("rtmps://")) {
        url.secure = true;
        url.port = kSecurePort;
        text.remove_prefix(8);
    } else if (text.starts_with("rtmp://")) {
        text.remove_prefix(7);
    } else {
        return bad_url("starts with neither rtmp:// nor rtmps://");
    }
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos) return bad_url("has no path");
    std::string_view authority = text.substr(0, slash);
    std::string_view path = text.substr(slash + 1);
    if (authority.find('@') != std::string_view::npos) {
        return bad_url("has a user name, which is not supported");
    }

    std::string_view port;
    if (authority.starts_with('[')) {
        const std::size_t end = authority.find(']');
        if (end == std::string_view::npos) return bad_url("has an IPv6 address without its ']'");
        url.host = authority.substr(1, end - 1);
        port = authority.substr(end + 1);
    } else {
        const std::size_t colon = authority.find(':');
        url.host = authority.substr(0, colon);
        if (colon != std::string_view::npos) port = authority.substr(colon);
    }
    if (url.host.empty()) return bad_url("has no host");
    if (!port.empty()) {
        const char* end = port.data() + port.size();
        const auto [at, err] = std::from_chars(port.data() + 1, end, url.port);
        if (port[0] != ':' || err != std::errc() || at != end || url.port == 0) {
            return bad_url("has a port that is none");
        }
    }

    // A key may hold slashes in its query.
    const std::size_t query = path.find('?');
    const std::size_t last = path.substr(0, query).rfind('/');
    if (last == std::string_view::npos) return bad_url("names no stream");
    url.app = path.substr(0, last);
    url.stream = path.substr(last + 1);
    if (url.app.empty() || url.stream.empty()) return bad_url("names no stream");
    return url;
}

}  // namespace sg::protocols
