#include <unistd.h>

#include <fmt/format.h>

#include "commands.hpp"
#include "service.hpp"
#include "terminal.hpp"

namespace sg::apps {

ExitCode run_serve(const ServeOptions& options) {
    ServeSettings settings;
    if (!options.rtmp.empty()) settings.listen.rtmp = options.rtmp;
    if (!options.http.empty()) settings.listen.http = options.http;
    auto service = Service::create(settings);
    if (!service) {
        const auto usage = service.error().code == Errc::kInvalidArgument;
        return complain(usage ? ExitCode::kUsage : ExitCode::kSomeFailed, service.error().message);
    }
    std::string text = "StreamGate listens on\n";
    for (const auto& address : (*service)->addresses()) text += fmt::format("  {}\n", address);
    (void)write_text(STDERR_FILENO, text);
    const auto status = (*service)->run([settings]() -> Result<ServeSettings> { return settings; });
    if (!status) return complain(ExitCode::kSomeFailed, status.error().message);
    return ExitCode::kSuccess;
}

}  // namespace sg::apps
