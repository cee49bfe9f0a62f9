#pragma once

#include <string>
#include <string_view>

#include <base/result.hpp>

namespace sg::engine {

/// Names of a presentation's objects: paths relative to where it lies ("720p/seg-1.m4s", still
/// percent-encoded for a URL), or an absolute URL of the same server when it lies above that.

/// What `uri`, found in the object `document`, names (RFC 3986 section 5.2). `root` is the folder's
/// URL with a slash at its end, empty for a local folder. kInvalidArgument when it leaves the
/// folder, or goes to another server or scheme.
[[nodiscard]] Result<std::string> resolve_name(const std::string& root,
                                               std::string_view document,
                                               std::string_view uri);

/// Scheme, host and port of an http(s) URL; empty for anything else.
[[nodiscard]] std::string origin_of(std::string_view url);

/// "%20" to " "; kBadData for broken escapes and for bytes that no file name holds.
[[nodiscard]] Result<std::string> percent_decoded(std::string_view text);

/// "720p" of "720p/index.m3u8", empty when there is none.
[[nodiscard]] std::string folder_of(std::string_view name);

}  // namespace sg::engine
