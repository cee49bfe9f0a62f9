#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include <base/result.hpp>

namespace sg::live {

/// "scheme://host:port?name=value": what SRT and UDP inputs are told by. May hold secrets.
struct PullUrl {
    std::string scheme;  ///< lower case
    std::string host;    ///< without brackets; empty: not said
    std::uint16_t port = 0;
    std::map<std::string, std::string, std::less<>> query;  ///< percent-decoded

    /// Empty when it is not there.
    [[nodiscard]] std::string option(std::string_view name) const;
};

/// kInvalidArgument; the message shows no secret.
[[nodiscard]] Result<PullUrl> parse_pull_url(std::string_view url);

/// Lower case, "" when there is none.
[[nodiscard]] std::string scheme_of(std::string_view url);

/// For logs: scheme, host and port; of a file its name.
[[nodiscard]] std::string shown_url(std::string_view url);

}  // namespace sg::live
