#pragma once

#include "config.hpp"
#include "options.hpp"

namespace sg::apps {

/// The configuration that `streamgate live` stands for: one channel.
[[nodiscard]] Result<ConfigSources> live_sources(const LiveOptions& options);

}  // namespace sg::apps
