#pragma once

#include <string>

#include "serve_settings.hpp"
#include "service.hpp"

namespace sg::apps {

/// What is told at the start: what listens where, how to publish, where to watch. `channel` is
/// "live/NAME" in general.
[[nodiscard]] std::string start_message(const ServiceAddresses& addresses,
                                        const ServeSettings& settings,
                                        const std::string& channel);

}  // namespace sg::apps
