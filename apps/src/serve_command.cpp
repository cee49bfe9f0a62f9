#include <cstdlib>

#include <unistd.h>

#include <fmt/format.h>

#include <base/log_format.hpp>
#include <engine/sandbox.hpp>

#include "commands.hpp"
#include "job_service.hpp"
#include "serve_messages.hpp"
#include "serve_run.hpp"
#include "service.hpp"
#include "terminal.hpp"

namespace sg::apps {
namespace {

/// Children read it from their environment. Before any thread.
void set_sandbox(const WorkerSettings& worker) {
    if (!worker.sandbox) setenv(engine::kSandboxVariable, "off", 1);
    if (!worker.user.empty()) setenv(engine::kWorkerUserVariable, worker.user.c_str(), 1);
}

}  // namespace

ExitCode serve_until_stopped(const ConfigSources& sources, const std::string& channel) {
    const auto settings = load_settings(sources);
    if (!settings) return complain(ExitCode::kUsage, settings.error().message);
    if (settings->log.format == LogFormat::kJson) log::set_format(log::Format::kJson);
    set_sandbox(settings->worker);
    auto service = Service::create(*settings);
    if (!service) {
        const auto usage = service.error().code == Errc::kInvalidArgument;
        return complain(usage ? ExitCode::kUsage : ExitCode::kSomeFailed, service.error().message);
    }
    auto message = start_message((*service)->addresses(), *settings, channel);
    if (const auto* jobs = (*service)->jobs())
        message += jobs_message(
            (*service)->addresses(),
            {settings->data, jobs->roots(), jobs->authenticates(), jobs->new_admin_key()});
    (void)write_text(STDERR_FILENO, message);
    const auto status = (*service)->run([&sources] { return load_settings(sources); });
    if (!status) return complain(ExitCode::kSomeFailed, status.error().message);
    return ExitCode::kSuccess;
}

Result<ConfigSources::Override> read_setting(const std::string& pair) {
    const auto equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) {
        // Not with its text, which may be a secret.
        return Error{Errc::kInvalidArgument,
                     "--set takes KEY=VALUE, for example --set listen.http=:8080"};
    }
    return ConfigSources::Override{
        "--set " + pair.substr(0, equals), pair.substr(0, equals), pair.substr(equals + 1)};
}

Result<ConfigSources> config_sources(const ServeOptions& options) {
    ConfigSources sources;
    sources.environment = process_environment();
    sources.file = options.config;
    const auto named = sources.environment.find("STREAMGATE_CONFIG");
    if (sources.file.empty() && named != sources.environment.end()) sources.file = named->second;
    for (const auto& pair : options.set) {
        SG_TRY_ASSIGN(auto setting, read_setting(pair));
        sources.overrides.push_back(std::move(setting));
    }
    const auto flag = [&](const char* name, const char* key, const std::string& value) {
        if (!value.empty()) sources.overrides.push_back({name, key, value});
    };
    flag("--rtmp", "listen.rtmp", options.rtmp);
    flag("--rtmps", "listen.rtmps", options.rtmps);
    flag("--srt", "listen.srt", options.srt);
    flag("--http", "listen.http", options.http);
    flag("--https", "listen.https", options.https);
    flag("--data", "data", options.data);
    return sources;
}

ExitCode run_serve(const ServeOptions& options) {
    const auto sources = config_sources(options);
    if (!sources) return complain(ExitCode::kUsage, sources.error().message);
    return serve_until_stopped(*sources, "live/NAME");
}

}  // namespace sg::apps
