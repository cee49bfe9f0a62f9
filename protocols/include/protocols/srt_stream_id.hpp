#pragma once

#include <map>
#include <string>
#include <string_view>

#include <base/result.hpp>

namespace sg::protocols {

enum class SrtMode {
    kUnsaid,  ///< plain stream ids mostly do not say
    kPublish,
    kRequest,
    kBidirectional,
};

/// What a caller asks for in its stream id.
struct SrtStreamId {
    std::string resource;  ///< r: "live/NAME" or "NAME", without a slash in front
    SrtMode mode = SrtMode::kUnsaid;
    std::string user;     ///< u
    std::string session;  ///< s: often a token; a secret
    std::string host;     ///< h
    std::string type;     ///< t: "stream", "file", "auth"
    /// Other keys, and the query of plain forms ("key", "token"); may be secrets.
    std::map<std::string, std::string> others;

    /// For logs: resource, mode and user only, without what would look like other fields.
    [[nodiscard]] std::string shown() const;
};

inline constexpr std::size_t kMaxSrtStreamId = 512;

/// Access-control form "#!::r=live/name,m=publish,u=...,s=..." (SRT Access Control Guidelines), or
/// plain: "publish:live/name", "live/name?key=...". Takes hostile bytes; kBadData with a reason
/// that does not repeat them.
[[nodiscard]] Result<SrtStreamId> parse_srt_stream_id(std::string_view text);

}  // namespace sg::protocols
