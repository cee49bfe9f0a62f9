#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <base/result.hpp>

namespace sg::protocols {

/// rtmp[s]://host[:port]/app[/more]/stream[?query]
struct RtmpUrl {
    bool secure = false;
    std::string host;
    std::uint16_t port = 1935;  ///< 443 for rtmps
    std::string app;
    std::string stream;  ///< with its query; usually holds the key

    /// What goes into the connect command: without the stream, hence without the key.
    [[nodiscard]] std::string tc_url() const;
    /// For messages and logs: the stream and everything after it is "...".
    [[nodiscard]] std::string shown() const { return tc_url() + "/..."; }
};

/// The last segment of the path is the stream, all before it the app.
[[nodiscard]] Result<RtmpUrl> parse_rtmp_url(std::string_view url);

}  // namespace sg::protocols
