#pragma once

namespace sg::apps {

/// What the process tells its shell. Part of the interface: scripts depend on it.
enum class ExitCode : int {
    kSuccess = 0,
    kSomeFailed = 1,
    kUsage = 2,
    kNothingRead = 3,    ///< of commands that read files
    kCannotConnect = 3,  ///< of commands that speak to a server
    kTimedOut = 124,     ///< --timeout passed
    kInterrupted = 130,
};

}  // namespace sg::apps
