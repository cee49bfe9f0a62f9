#pragma once

#include <string>
#include <string_view>

namespace sg::apps {

/// A server's answer to a dry run.
struct DryRun {
    std::string text;  ///< what would be made of each input, and the estimate, for people
    bool possible = false;
};

/// `answer` is JSON; what is missing in it is left out.
[[nodiscard]] DryRun read_dry_run(std::string_view answer);

}  // namespace sg::apps
