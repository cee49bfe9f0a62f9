#include "command_line_live.hpp"

#include <CLI/CLI.hpp>

namespace sg::apps {
namespace {

constexpr const char* kFileType = "FILE";

void add_listeners(CLI::App* command, ServeOptions& into) {
    const auto listen = [command](const char* flag, std::string& value, const char* text) {
        command->add_option(flag, value, text)
            ->type_name("ADDRESS:PORT|off")
            ->group("Where it listens");
    };
    listen("--rtmp", into.rtmp, "RTMP (default: 127.0.0.1:1935)");
    listen("--rtmps", into.rtmps, "RTMP over TLS (default: off)");
    listen("--srt", into.srt, "SRT, UDP (default: 127.0.0.1:8890)");
    listen("--http", into.http, "API, players, metrics, health (default: 127.0.0.1:8080)");
    listen("--https", into.https, "The same over TLS (default: off)");
}

void add_config_flags(CLI::App* command, ServeOptions& into) {
    command->add_option("--data", into.data, "Jobs, recordings and DVR (default: streamgate-data)")
        ->type_name("DIR")
        ->group("Settings");
    command->add_option("--set", into.set, "Any key of the configuration; may be repeated")
        ->type_name("KEY=VALUE")
        ->allow_extra_args(false)
        ->group("Settings");
}

}  // namespace

void add_serve_flags(CLI::App& command, ServeOptions& serve) {
    auto* c = &command;
    c->add_option("-c,--config", serve.config, "Configuration (YAML)")
        ->type_name(kFileType)
        ->group("Settings");
    add_config_flags(c, serve);
    add_listeners(c, serve);
}

void add_live_flags(CLI::App& command, LiveOptions& o) {
    auto* c = &command;
    c->add_option("inputs", o.inputs, "rtmp, srt, test-card, a URL to pull or a file to loop")
        ->type_name("INPUT");
    const auto make = [c](const char* flag, std::string& into, const char* text, const char* type) {
        c->add_option(flag, into, text)->type_name(type)->group("What to make");
    };
    make("-n,--name", o.name, "Name of the channel (default: live/stream)", "APP/NAME");
    make("-p,--preset", o.preset, "Ladder (default: passthrough)", "NAME|FILE");
    make("--segment", o.segment, "Shortest segment (default: 2s)", "TIME");
    make("--part", o.part, "Low-latency part (default: 360ms)", "TIME");
    make("--window", o.window, "What playlists list (default: 1m)", "TIME");
    make("--dvr", o.dvr, "How far viewers can go back (default: not)", "TIME");
    c->add_flag("--ts", o.ts, "Also HLS with transport streams")->group("What to make");
    c->add_flag("--record", o.record, "Keep what arrives as MP4")->group("What to make");
    const auto listen = [c](const char* flag, std::string& into, const char* text) {
        c->add_option(flag, into, text)->type_name("ADDRESS:PORT|off")->group("Where it listens");
    };
    listen("--rtmp", o.rtmp, "RTMP (default: 127.0.0.1:1935)");
    listen("--srt", o.srt, "SRT, UDP (default: 127.0.0.1:8890)");
    listen("--http", o.http, "Players (default: 127.0.0.1:8080)");
    auto* key = c->add_option("--key-file", o.key_file, "File with the key that publishers need")
                    ->type_name(kFileType)
                    ->group("Who may publish");
    c->add_flag("--anyone", o.anyone, "Anyone who can reach it")
        ->excludes(key)
        ->group("Who may publish");
    c->add_option("--data", o.data, "Recordings and DVR (default: streamgate-data)")
        ->type_name("DIR")
        ->group("Settings");
    c->add_option("--set", o.set, "Any key of a channel or the configuration; may be repeated")
        ->type_name("KEY=VALUE")
        ->allow_extra_args(false)
        ->group("Settings");
}

void add_clip_command(CLI::App& live, ClipOptions& o) {
    live.require_subcommand(0, 1);
    auto* c = live.add_subcommand("clip", "Make a film of what a channel's DVR window still has");
    c->set_help_flag("-h,--help", "Show this and exit");
    c->add_option("channel", o.channel, "Its name")->type_name("APP/NAME")->required();
    const auto time = [c](const char* flag, std::string& into, const char* text) {
        c->add_option(flag, into, text)->type_name("TIME")->group("What to take");
    };
    time("--from", o.from, "2026-01-31T12:00:00Z, -90s before the end, or 5m into it");
    time("--to", o.to, "The same (default: the end)");
    c->add_option("-o,--output", o.output, "Folder to make")->type_name("DIR")->required();
    c->add_option("--data", o.data, "Where serve keeps it (default: streamgate-data)")
        ->type_name("DIR");
    c->add_flag("--json", o.json, "JSON on standard output");
}

void add_config_commands(CLI::App& command, ConfigOptions& o) {
    auto* c = &command;
    c->require_subcommand(1);
    auto* check = c->add_subcommand("check", "Find the faults of a configuration");
    check->add_option("file", o.serve.config, "Configuration (YAML)")
        ->type_name(kFileType)
        ->required();
    check->add_flag("--json", o.json, "JSON on standard output");
    auto* show = c->add_subcommand("show", "All settings as serve would have them, no secrets");
    show->add_option("-c,--config", o.serve.config, "Configuration (YAML)")
        ->type_name(kFileType)
        ->group("Settings");
    add_config_flags(show, o.serve);
    add_listeners(show, o.serve);
    auto* schema = c->add_subcommand("schema", "JSON Schema of configurations, for editors");
    for (auto* action : {check, show, schema}) {
        action->set_help_flag("-h,--help", "Show this and exit");
    }
}

}  // namespace sg::apps
