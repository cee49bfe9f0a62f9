#include "command_line_client.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "quantities.hpp"

namespace sg::apps {
namespace {

constexpr const char* kFileType = "FILE";
constexpr const char* kShow = "What is shown";
constexpr std::array<std::string_view, 10> kCommands{
    "submit", "jobs", "watch", "logs", "cancel", "retry", "keys", "drain", "audit", "doctor"};

void add_json(CLI::App& c, bool& json) {
    c.add_flag("--json", json, "JSON on standard output")->group(kShow);
}

void add_wait_flags(CLI::App& c, std::string& timeout, bool& quiet) {
    c.add_option("--timeout", timeout, "Watch no longer than this, for example 30m")
        ->type_name("TIME")
        ->group("Watching");
    c.add_flag("-q,--quiet", quiet, "No progress, only how it ended")->group(kShow);
}

JobsOptions::Action action_of(std::string_view name) {
    using Action = JobsOptions::Action;
    if (name == "show") return Action::kShow;
    if (name == "watch") return Action::kWatch;
    if (name == "logs") return Action::kLogs;
    if (name == "cancel") return Action::kCancel;
    if (name == "retry") return Action::kRetry;
    return Action::kList;
}

}  // namespace

void add_server_flags(CLI::App& command, ServerOptions& server) {
    command
        .add_option("--server",
                    server.server,
                    "Its address (default: STREAMGATE_SERVER, http://127.0.0.1:8080)")
        ->type_name("URL")
        ->group("Server");
    command
        .add_option(
            "--key-file", server.key_file, "File with the API key (default: STREAMGATE_API_KEY)")
        ->type_name(kFileType)
        ->group("Server");
}

void add_submit_flags(CLI::App& c, ClientFlags& flags) {
    auto& o = flags.submit;
    add_job_flags(c, flags.document);
    c.get_option("inputs")->description("Files, globs, image patterns, http(s) URLs, upload:ID");
    c.get_option("--output")->description("Folder of what is made (default: one of the server's)");
    c.get_option("--manifest")->description("Jobs from a .csv or .ndjson list, one a line");
    const auto job = [&c](const char* flag, std::string& into, const char* text, const char* type) {
        c.add_option(flag, into, text)->type_name(type)->group("The job");
    };
    c.add_option("--priority", o.priority, "bulk, low, normal, high or urgent (default: normal)")
        ->check(CLI::IsMember({"bulk", "low", "normal", "high", "urgent"}))
        ->type_name("CLASS")
        ->group("The job");
    job("--deadline", o.deadline, "When it should be done: 2026-01-31T12:00:00Z", "TIME");
    job("--external-id", o.external_id, "Your name for it", "TEXT");
    c.add_option("--tag", flags.tags, "A tag to find it by; may be repeated")
        ->type_name("KEY=VALUE")
        ->allow_extra_args(false)
        ->group("The job");
    c.add_option("--notify", o.notify, "Address that is told when it has ended; may be repeated")
        ->type_name("URL")
        ->allow_extra_args(false)
        ->group("The job");
    job("--idempotency-key", o.idempotency_key, "The same key makes the job only once", "TEXT");
    c.add_flag("--upload", o.upload, "Send the files to the server")->group("The job");
    c.add_flag("--dry-run", o.dry_run, "Show what it would make and cost; submit nothing")
        ->group("The job");
    c.add_flag("--wait", o.wait, "Watch it until it has ended")->group("Watching");
    add_wait_flags(c, flags.submit_timeout, flags.document.options.quiet);
    add_json(c, flags.document.options.json);
    add_server_flags(c, o.server);
}

void add_job_flags_of(JobsOptions::Action action, CLI::App& c, ClientFlags& flags) {
    using Action = JobsOptions::Action;
    auto& o = flags.jobs;
    if (action == Action::kList) {
        const auto filter =
            [&c](const char* flag, std::string& into, const char* text, const char* type) {
                c.add_option(flag, into, text)->type_name(type)->group("Which");
            };
        filter("--state", o.state, "In these states, with commas", "STATE");
        filter("--tag", o.tag, "With this tag", "KEY=VALUE");
        filter("--owner", o.owner, "Of this owner", "OWNER");
        filter("--external-id", o.external_id, "With this name", "TEXT");
        c.add_option("-n,--limit", o.limit, "At most so many, newest first (default: 20)")
            ->check(CLI::Range(1, 100'000))
            ->type_name("N")
            ->group("Which");
    } else {
        c.add_option("ids", o.ids, "Their ids")->type_name("JOB")->required();
    }
    if (action == Action::kWatch) add_wait_flags(c, flags.jobs_timeout, o.quiet);
    if (action == Action::kLogs)
        c.add_flag("-f,--follow", o.follow, "Also what is to come")->group("Watching");
    if (action == Action::kCancel)
        c.add_option("--reason", o.reason, "Why, for the record")->type_name("TEXT");
    add_json(c, o.json);
    add_server_flags(c, o.server);
}

void add_jobs_commands(CLI::App& command, ClientFlags& flags) {
    using Action = JobsOptions::Action;
    command.require_subcommand(1);
    struct Below {
        const char* name;
        const char* text;
        Action action;
    };
    for (const auto& [name, text, action] :
         {Below{"list", "Jobs, newest first", Action::kList},
          Below{"show", "Everything about a job", Action::kShow},
          Below{"watch", "Follow jobs until they have ended", Action::kWatch}}) {
        auto* c = command.add_subcommand(name, text);
        c->set_help_flag("-h,--help", "Show this and exit");
        add_job_flags_of(action, *c, flags);
    }
}

void add_keys_commands(CLI::App& command, ClientFlags& flags) {
    auto& o = flags.keys;
    command.require_subcommand(1);
    auto* list = command.add_subcommand("list", "API keys, without the keys themselves");
    auto* create = command.add_subcommand("create", "Make a key; it is shown once");
    create->add_option("name", o.name, "What it is for")->type_name("NAME")->required();
    create
        ->add_option("--role", o.role, "viewer, submitter, operator or admin (default: submitter)")
        ->check(CLI::IsMember({"viewer", "submitter", "operator", "admin"}))
        ->type_name("ROLE")
        ->group("The key");
    create->add_option("--owner", o.owner, "Whose jobs it makes and sees (default: its name)")
        ->type_name("OWNER")
        ->group("The key");
    create->add_option("--scope", o.scopes, "Only this part of the API; may be repeated")
        ->type_name("SCOPE")
        ->allow_extra_args(false)
        ->group("The key");
    create->add_option("--expires", o.expires, "Valid until 2026-01-31T12:00:00Z")
        ->type_name("TIME")
        ->group("The key");
    auto* rotate =
        command.add_subcommand("rotate", "Make a key's successor; it stays valid a while");
    rotate->add_option("--overlap", o.overlap, "How long the old one stays valid (default: 24h)")
        ->type_name("TIME")
        ->group("The key");
    auto* revoke = command.add_subcommand("revoke", "End a key at once");
    for (auto* c : {rotate, revoke})
        c->add_option("id", o.id, "As in 'keys list'")->type_name("KEY")->required();
    for (auto* c : {list, create, rotate, revoke}) {
        c->set_help_flag("-h,--help", "Show this and exit");
        add_json(*c, o.json);
        add_server_flags(*c, o.server);
    }
}

void add_drain_flags(CLI::App& c, ClientFlags& flags) {
    auto& o = flags.drain;
    c.add_option("worker", o.worker, "Its name (default: all)")->type_name("WORKER");
    c.add_flag("--resume", o.resume, "Let it take jobs again");
    add_json(c, o.json);
    add_server_flags(c, o.server);
}

void add_audit_commands(CLI::App& command, ClientFlags& flags) {
    auto& o = flags.audit;
    command.require_subcommand(1);
    auto* verify =
        command.add_subcommand("verify", "Find edits, gaps and reorders in the audit log");
    verify->add_option("file", o.file, "An export; without one the server checks its log")
        ->type_name(kFileType);
    verify->add_option("--audit-key", o.key_file, "The data folder's audit.key, for an export")
        ->type_name(kFileType)
        ->group("An export");
    verify->add_option("--anchors", o.anchors, "The data folder's audit-anchors, or a copy")
        ->type_name(kFileType)
        ->group("An export");
    auto* exported = command.add_subcommand("export", "The whole audit log, one entry a line");
    exported->add_option("-o,--output", o.output, "Instead of standard output")
        ->type_name(kFileType);
    for (auto* c : {verify, exported}) {
        c->set_help_flag("-h,--help", "Show this and exit");
        add_server_flags(*c, o.server);
    }
    add_json(*verify, o.json);
}

void add_doctor_flags(CLI::App& c, ClientFlags& flags) {
    auto& o = flags.doctor;
    add_json(c, o.json);
    add_server_flags(c, o.server);
}

void add_replay_flags(CLI::App& c, ClientFlags& flags) {
    auto& o = flags.replay;
    c.add_option("bundle", o.bundle, "A file below DATA/crashes")->type_name(kFileType)->required();
    c.add_option("--source", o.source, "The input, when it has moved")->type_name(kFileType);
    c.add_flag("--in-process", o.in_process, "In this process, for a debugger");
    add_json(c, o.json);
}

bool is_client_command(const std::string& command) {
    return command == "replay" || std::ranges::find(kCommands, command) != kCommands.end();
}

Result<CommandOptions> take_client_command(ClientFlags& flags,
                                           const std::string& command,
                                           const std::string& below) {
    if (command == "submit") {
        auto& o = flags.submit;
        SG_TRY_ASSIGN(o.document, take_transcode(flags.document));
        SG_TRY_ASSIGN(o.tags, read_pairs(flags.tags, "--tag", "title=42"));
        if (!flags.submit_timeout.empty()) {
            SG_TRY_ASSIGN(o.timeout_seconds, parse_seconds(flags.submit_timeout));
            if (!o.wait) return Error{Errc::kInvalidArgument, "--timeout needs --wait"};
        }
        return CommandOptions(std::move(o));
    }
    if (command == "keys") {
        auto& o = flags.keys;
        using Action = KeysOptions::Action;
        o.action = below == "create"   ? Action::kCreate
                   : below == "rotate" ? Action::kRotate
                   : below == "revoke" ? Action::kRevoke
                                       : Action::kList;
        return CommandOptions(std::move(o));
    }
    if (command == "drain") return CommandOptions(flags.drain);
    if (command == "audit") {
        auto& o = flags.audit;
        o.action =
            below == "export" ? AuditOptions::Action::kExport : AuditOptions::Action::kVerify;
        if (!o.file.empty() && o.key_file.empty())
            return Error{Errc::kInvalidArgument,
                         "an export is checked with the key it was made with; name it by "
                         "--audit-key, as DATA/audit.key"};
        return CommandOptions(std::move(o));
    }
    if (command == "doctor") return CommandOptions(flags.doctor);
    if (command == "replay") return CommandOptions(flags.replay);
    auto& o = flags.jobs;
    o.action = action_of(command == "jobs" ? below : command);
    if (!o.tag.empty() && o.tag.find_first_of("=:") == std::string::npos)
        return Error{
            Errc::kInvalidArgument,
            fmt::format("--tag takes KEY=VALUE, for example --tag show=news, not '{}'", o.tag)};
    if (!flags.jobs_timeout.empty()) {
        SG_TRY_ASSIGN(o.timeout_seconds, parse_seconds(flags.jobs_timeout));
    }
    return CommandOptions(std::move(o));
}

}  // namespace sg::apps
