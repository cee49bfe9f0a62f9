#pragma once

#include <string>
#include <variant>
#include <vector>

#include <base/result.hpp>

#include "command_line_transcode.hpp"
#include "options.hpp"

namespace CLI {
class App;
}

namespace sg::apps {

/// What was typed after the commands that speak to a server, before it is read.
struct ClientFlags {
    TranscodeFlags document;
    SubmitOptions submit;
    std::vector<std::string> tags;
    std::string submit_timeout;
    JobsOptions jobs;
    std::string jobs_timeout;
    KeysOptions keys;
    DrainOptions drain;
    AuditOptions audit;
    DoctorOptions doctor;
    ReplayOptions replay;
};

// Each fills one command, made by the caller.
void add_submit_flags(CLI::App& command, ClientFlags& flags);
void add_jobs_commands(CLI::App& command, ClientFlags& flags);
/// `watch`, `logs`, `cancel` and `retry` are also commands of their own.
void add_job_flags_of(JobsOptions::Action action, CLI::App& command, ClientFlags& flags);
void add_keys_commands(CLI::App& command, ClientFlags& flags);
void add_drain_flags(CLI::App& command, ClientFlags& flags);
void add_audit_commands(CLI::App& command, ClientFlags& flags);
void add_doctor_flags(CLI::App& command, ClientFlags& flags);
void add_replay_flags(CLI::App& command, ClientFlags& flags);
void add_server_flags(CLI::App& command, ServerOptions& server);

/// The options of the command that was chosen, and its subcommand ("" without).
[[nodiscard]] Result<CommandOptions> take_client_command(ClientFlags& flags,
                                                         const std::string& command,
                                                         const std::string& below);
[[nodiscard]] bool is_client_command(const std::string& command);

}  // namespace sg::apps
