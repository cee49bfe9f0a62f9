#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <base/result.hpp>
#include <presets/document.hpp>

#include "serve_settings.hpp"

namespace sg::apps {

/// Where settings come from, weakest first: defaults, the file, the environment, overrides.
struct ConfigSources {
    std::string file;                                ///< empty: none
    std::map<std::string, std::string> environment;  ///< all of it; STREAMGATE_LISTEN_HTTP counts
    /// Dotted key and value in YAML syntax, later ones win.
    struct Override {
        std::string origin;  ///< "--http"
        std::string key;     ///< "listen.http"
        std::string value;
    };
    std::vector<Override> overrides;
};

struct LoadedConfig {
    ServeSettings settings;
    std::vector<presets::Problem> problems;  ///< with one, the settings are of no use
};

/// Every fault in one pass. Reads the files that are named for secrets. Never throws.
[[nodiscard]] LoadedConfig load_config(const ConfigSources& sources);

/// The same; the error names the first fault and how many more there are.
[[nodiscard]] Result<ServeSettings> load_settings(const ConfigSources& sources);

/// The environment of this process.
[[nodiscard]] std::map<std::string, std::string> process_environment();

/// The effective settings as YAML, without any secret.
[[nodiscard]] std::string show_config(const ServeSettings& settings);

/// Keys with different values, but for channels and templates: "listen.http".
[[nodiscard]] std::vector<std::string> changed_keys(const ServeSettings& before,
                                                    const ServeSettings& after);
/// The same of one channel: "output.part".
[[nodiscard]] std::vector<std::string> changed_keys(const live::ChannelSettings& before,
                                                    const live::ChannelSettings& after);

/// The JSON Schema of configuration files (the subset that drafts 7 and 2020-12 share).
[[nodiscard]] std::string config_schema();

struct ConfigKey {
    std::string path;  ///< "listen.http", "publish.keys[].key"
    std::string description;
    std::string variable;  ///< of the environment; empty inside lists
};
[[nodiscard]] std::vector<ConfigKey> config_keys();

}  // namespace sg::apps
