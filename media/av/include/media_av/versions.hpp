#pragma once

#include <string>

namespace sg::av {

/// "libavcodec 59.37.100, ..." as linked at run time, for --version and the engine fingerprint.
[[nodiscard]] std::string library_versions();

}  // namespace sg::av
