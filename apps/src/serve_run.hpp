#pragma once

#include <string>

#include "config.hpp"
#include "exit_codes.hpp"
#include "options.hpp"

namespace sg::apps {

/// Serves until it is told to stop. `channel` is for the message at the start.
[[nodiscard]] ExitCode serve_until_stopped(const ConfigSources& sources,
                                           const std::string& channel);

/// "KEY=VALUE" of --set as an override.
[[nodiscard]] Result<ConfigSources::Override> read_setting(const std::string& pair);

/// File, environment and flags of `streamgate serve`.
[[nodiscard]] Result<ConfigSources> config_sources(const ServeOptions& options);

}  // namespace sg::apps
