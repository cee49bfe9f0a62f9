#pragma once

#include "exit_codes.hpp"
#include "options.hpp"

namespace sg::apps {

/// `presets` of a server.
[[nodiscard]] ExitCode run_server_presets(const PresetsOptions& options);

}  // namespace sg::apps
