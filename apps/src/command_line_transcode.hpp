#pragma once

#include <map>
#include <string>
#include <vector>

#include <base/result.hpp>

#include "options.hpp"

namespace CLI {
class App;
}

namespace sg::apps {

/// What was typed after `transcode` or `submit`, before it is read.
struct TranscodeFlags {
    TranscodeOptions options;
    std::vector<std::string> set;
    bool no_verify = false;
    std::string verify_mode;
    std::string publish_mode;
    std::string memory_limit;
    std::string stall_timeout;
    std::string open_timeout;
};

/// Inputs, and all flags that end up in a job document.
void add_job_flags(CLI::App& command, TranscodeFlags& flags);
/// How it is run here, and what is shown.
void add_run_flags(CLI::App& command, TranscodeFlags& flags);
void add_set(CLI::App* command, std::vector<std::string>& into);

[[nodiscard]] Result<TranscodeOptions> take_transcode(TranscodeFlags& flags);
/// "KEY=VALUE" each; `flag` and `example` are for the error.
[[nodiscard]] Result<std::map<std::string, std::string>> read_pairs(
    const std::vector<std::string>& pairs, const char* flag, const char* example);

}  // namespace sg::apps
