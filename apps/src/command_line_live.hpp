#pragma once

#include "options.hpp"

namespace CLI {
class App;
}

namespace sg::apps {

// Flags of the live commands: names, help and where their values go.
void add_serve_flags(CLI::App& command, ServeOptions& serve);
void add_live_flags(CLI::App& command, LiveOptions& live);
void add_clip_command(CLI::App& live, ClipOptions& clip);
void add_config_commands(CLI::App& command, ConfigOptions& config);

}  // namespace sg::apps
