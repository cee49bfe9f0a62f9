#include <unistd.h>

#include <fmt/format.h>

#include <media_av/versions.hpp>

#include "commands.hpp"
#include "terminal.hpp"

namespace sg::apps {

const char* product_version() {
    return SG_VERSION;
}

ExitCode run_version() {
    const auto libraries = av::library_versions();
    const auto text = fmt::format(
        "streamgate {}{}\n{}\n",
        SG_VERSION,
        *SG_GIT_DESCRIBE == '\0' ? std::string() : fmt::format(" ({})", SG_GIT_DESCRIBE),
        libraries);
    return write_text(STDOUT_FILENO, text) ? ExitCode::kSuccess : ExitCode::kSomeFailed;
}

}  // namespace sg::apps
