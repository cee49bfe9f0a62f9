#include "command_line.hpp"

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <presets/document.hpp>
#include <presets/loader.hpp>

#include "command_line_client.hpp"
#include "command_line_live.hpp"
#include "command_line_transcode.hpp"
#include "help_page.hpp"
#include "quantities.hpp"
#include "usage_message.hpp"

namespace sg::apps {
namespace {

constexpr const char* kFileType = "FILE";

/// The CLI11 tree and the values it fills.
struct Parser {
    CLI::App app{"StreamGate turns files and live feeds into adaptive streams."};
    TranscodeFlags transcode;
    ProbeOptions probe;
    PlanOptions plan;
    PresetsOptions presets;
    VerifyOptions verify;
    ServeOptions serve;
    LiveOptions live;
    ClipOptions clip;
    ConfigOptions config;
    ClientFlags client;
    CompletionOptions completion;
    bool version = false;
    bool full_verify = false;
    std::string log_level;
    bool no_sandbox = false;
    std::vector<std::string> plan_set;
    std::vector<std::string> presets_set;

    Parser();
    Parser(const Parser&) = delete;
    Parser& operator=(const Parser&) = delete;

    void add_transcode();
    void add_probe();
    void add_plan();
    void add_presets();
    void add_verify();
    void add_serve();
    void add_live();
    void add_client();
    void add_config();
    void add_completion();
    CLI::App* add_command(const std::string& group,
                          const std::string& name,
                          const std::string& description);
};

std::vector<std::string> preset_names() {
    std::vector<std::string> names;
    for (const auto& entry : presets::Library::embedded()) names.push_back(entry.name);
    return names;
}

Parser::Parser() {
    app.name("streamgate");
    app.set_help_flag("-h,--help", "Show this and exit");
    app.add_flag("--version", version, "Show the version, and those of the media libraries");
    app.add_option("--log-level",
                   log_level,
                   "Least important log lines shown (default: warn; serve, live: info)")
        ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}))
        ->type_name("LEVEL");
    app.require_subcommand(0, 1);
    app.fallthrough(false);
    add_transcode();
    add_probe();
    add_plan();
    add_verify();
    add_client();
    add_live();
    add_config();
    add_presets();
    add_completion();
}

CLI::App* Parser::add_command(const std::string& group,
                              const std::string& name,
                              const std::string& description) {
    auto* command = app.add_subcommand(name, description);
    command->group(group);
    command->set_help_flag("-h,--help", "Show this and exit");
    if (name != "completion") {
        const bool serves = name == "serve" || name == "live";
        command
            ->add_option("--log-level",
                         log_level,
                         serves ? "Least important log lines shown (default: info)"
                                : "Least important log lines shown (default: warn)")
            ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}))
            ->type_name("LEVEL");
    }
    if (group == "Streams" || group == "Live")
        command->add_flag("--no-sandbox", no_sandbox, "Do not lock tasks in")->group("Diagnosis");
    return command;
}

void Parser::add_transcode() {
    auto* c = add_command("Streams", "transcode", "Make adaptive streams (HLS and DASH) of files");
    add_job_flags(*c, transcode);
    add_run_flags(*c, transcode);
}

void Parser::add_probe() {
    auto* c = add_command("Streams", "probe", "Show what is in a file, and what is odd about it");
    c->add_option("input", probe.input, "A file")->type_name("INPUT")->required();
    c->add_flag("--full", probe.full, "Read all of it: frame times, gaps, jumps");
    c->add_flag("--json", probe.json, "JSON on standard output");
}

void Parser::add_plan() {
    auto* c = add_command("Streams", "plan", "Show what transcode would make of a file, and why");
    c->add_option("input", plan.input, "A file")->type_name("INPUT")->required();
    c->add_option("-p,--preset", plan.preset, "Preset by name, or a file (default: web-hd)")
        ->type_name("NAME|FILE")
        ->group("What to make");
    add_set(c, plan_set);
    c->add_option("-j,--jobs", plan.jobs, "Tasks at once, for the estimate")
        ->check(CLI::Range(1, 1024))
        ->type_name("N");
    c->add_flag("--json", plan.json, "JSON: the plan, and apart from it the estimate");
}

void Parser::add_serve() {
    add_serve_flags(
        *add_command(
            "Running a server", "serve", "Take jobs by HTTP and live streams, and serve both"),
        serve);
}

void Parser::add_live() {
    auto* c = add_command("Live", "live", "Serve one live channel, without a configuration");
    add_live_flags(*c, live);
    add_clip_command(*c, clip);
}

void Parser::add_client() {
    using Action = JobsOptions::Action;
    const auto make = [this](const char* name, const char* text) -> CLI::App& {
        return *add_command("Jobs on a server", name, text);
    };
    add_submit_flags(make("submit", "Give a server jobs"), client);
    add_jobs_commands(make("jobs", "List, show and watch jobs"), client);
    add_job_flags_of(Action::kWatch, make("watch", "Follow jobs until they have ended"), client);
    add_job_flags_of(Action::kLogs, make("logs", "What has happened to jobs"), client);
    add_job_flags_of(Action::kCancel, make("cancel", "End jobs"), client);
    add_job_flags_of(Action::kRetry, make("retry", "Queue failed or cancelled jobs again"), client);
    add_serve();
    const auto operate = [this](const char* name, const char* text) -> CLI::App& {
        return *add_command("Running a server", name, text);
    };
    add_drain_flags(operate("drain", "Let a server's worker take no more jobs"), client);
    add_keys_commands(operate("keys", "Make, list, rotate and revoke API keys"), client);
    add_audit_commands(operate("audit", "Check and export the audit log"), client);
    add_doctor_flags(operate("doctor", "What this machine, and a server, are fit for"), client);
    add_replay_flags(operate("replay", "Run again what crashed, from its bundle"), client);
}

void Parser::add_config() {
    add_config_commands(
        *add_command("Settings", "config", "Check and show the configuration of serve"), config);
}

void Parser::add_verify() {
    auto* c = add_command("Streams", "verify", "Check a folder or URL that holds streams");
    c->add_option("location", verify.location, "A folder, a manifest or an http(s) URL")
        ->type_name("DIR|URL")
        ->required();
    c->add_flag("--full", full_verify, "Decode every picture, not only each segment's first");
    c->add_flag("--json", verify.json, "JSON on standard output");
}

void Parser::add_presets() {
    auto& o = presets;
    auto* c = add_command("Settings", "presets", "List, show and check presets");
    c->require_subcommand(1);
    auto* list = c->add_subcommand("list", "Presets that are built in");
    list->add_flag("--json", o.json, "JSON on standard output");
    auto* show = c->add_subcommand("show", "A preset with all its values");
    show->add_option("name", o.name, "Name or file")->type_name("NAME|FILE")->required();
    add_set(show, presets_set);
    show->add_flag("--json", o.json, "JSON on standard output");
    auto* check = c->add_subcommand("check", "Find the faults of a preset file");
    check->add_option("file", o.name, "A preset file")->type_name(kFileType)->required();
    check->add_flag("--json", o.json, "JSON on standard output");
    auto* schema = c->add_subcommand("schema", "JSON Schema of preset files, for editors");
    auto* create = c->add_subcommand("create", "Store a preset file on a server, as a new version");
    create->add_option("file", o.name, "A preset file")->type_name(kFileType)->required();
    create->add_flag("--json", o.json, "JSON on standard output");
    for (auto* action : {list, show, check, schema, create}) {
        action->set_help_flag("-h,--help", "Show this and exit");
    }
    for (auto* action : {list, show, check, create}) add_server_flags(*action, o.server);
}

void Parser::add_completion() {
    auto* c = add_command("Settings", "completion", "Print a completion script for a shell");
    c->add_option("shell", completion.shell, "Which shell")
        ->check(CLI::IsMember({"bash", "zsh", "fish"}))
        ->type_name("bash|zsh|fish")
        ->required();
}

// "streamgate presets show"
std::string path_of(const CLI::App& command) {
    const auto* parent = command.get_parent();
    return parent == nullptr ? command.get_name() : path_of(*parent) + " " + command.get_name();
}

Leave usage_error(const std::string& text, const CLI::App& command) {
    return {ExitCode::kUsage,
            fmt::format("streamgate: {}\nTry '{} --help'.\n", text, path_of(command)),
            false};
}

ArgumentSpec argument_of(const CLI::Option& option) {
    ArgumentSpec argument{option.get_type_name(), option.get_description(), option.get_required()};
    argument.name.resize(std::min(argument.name.find(':'), argument.name.size()));
    if (option.get_items_expected_max() > 1) argument.name += "...";
    return argument;
}

std::vector<std::string> choices_of(const std::string& flag) {
    if (flag == "--preset") return preset_names();
    if (flag == "--log-level") return {"trace", "debug", "info", "warn", "error", "off"};
    if (flag == "--priority") return {"bulk", "low", "normal", "high", "urgent"};
    if (flag == "--role") return {"viewer", "submitter", "operator", "admin"};
    if (flag == "--verify") return {"quick", "full", "off"};
    if (flag == "--publish") return {"early", "end"};
    return {};
}

FlagSpec flag_of(const CLI::Option& option) {
    FlagSpec flag;
    for (const auto& name : option.get_lnames()) flag.names.push_back("--" + name);
    for (const auto& name : option.get_snames()) flag.names.push_back("-" + name);
    flag.description = option.get_description();
    flag.group = option.get_group();
    flag.takes_value = option.get_items_expected_max() > 0;
    if (flag.takes_value) {
        // The library appends what its checks accept.
        flag.value = option.get_type_name();
        flag.value.resize(std::min(flag.value.find(':'), flag.value.size()));
    }
    flag.takes_file = flag.value == kFileType || flag.value == "DIR";
    flag.choices = choices_of(flag.names.front());
    return flag;
}

CommandSpec spec_of(const CLI::App& app) {
    CommandSpec spec;
    spec.name = app.get_name();
    spec.description = app.get_description();
    spec.group = app.get_group();
    for (const auto* option : app.get_options()) {
        if (option->get_positional()) {
            spec.arguments.push_back(argument_of(*option));
        } else {
            spec.flags.push_back(flag_of(*option));
        }
    }
    for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; })) {
        spec.commands.push_back(spec_of(*command));
    }
    const auto* parent = app.get_parent();
    if (spec.name == "show" && parent != nullptr && parent->get_name() == "presets")
        spec.argument_choices = preset_names();
    if (spec.name == "completion") spec.argument_choices = {"bash", "zsh", "fish"};
    return spec;
}

const CLI::App* deepest_command(const CLI::App& app) {
    const auto chosen = app.get_subcommands();
    return chosen.empty() ? &app : deepest_command(*chosen.front());
}

std::string help_of(const CLI::App& command) {
    return help_page(spec_of(command), path_of(command));
}

const CommandSpec* spec_named(const CommandSpec& root, const std::string& name) {
    for (const auto& command : root.commands) {
        if (command.name == name) return &command;
    }
    return nullptr;
}

std::string meant_by(const std::string& typed, const std::vector<std::string>& known) {
    constexpr std::size_t kLeastLetters = 4;
    if (typed.size() >= kLeastLetters) {
        const auto longer = [&](const std::string& name) { return name.starts_with(typed); };
        const auto found = std::ranges::find_if(known, longer);
        if (found != known.end()) return *found;
    }
    return presets::nearest(typed, known);
}

/// "unknown flag '--presset'; did you mean --preset?" for the first word that nobody knows, else
/// empty.
std::string explain_unknown_word(const CommandSpec& root, int argc, const char* const* argv) {
    const CommandSpec* command = &root;
    for (int i = 1; i < argc; ++i) {
        std::string word = argv[i];
        if (word == "--") break;
        if (word.size() < 2 || word[0] != '-') {
            if (command->commands.empty()) continue;
            const auto* next = spec_named(*command, word);
            if (next != nullptr) {
                command = next;
                continue;
            }
            if (!command->arguments.empty()) continue;
            std::vector<std::string> names;
            for (const auto& known : command->commands) names.push_back(known.name);
            const auto meant = meant_by(word, names);
            const auto hint = meant.empty() ? fmt::format("there are: {}", fmt::join(names, ", "))
                                            : fmt::format("did you mean {}?", meant);
            return fmt::format("unknown command '{}'; {}", word, hint);
        }
        const auto flag = word.substr(0, word.find('='));
        std::vector<std::string> names;
        const FlagSpec* found = nullptr;
        for (const auto& known : command->flags) {
            names.insert(names.end(), known.names.begin(), known.names.end());
            const bool is_short = flag[1] != '-';
            for (const auto& name : known.names) {
                if (name == flag || (is_short && name == flag.substr(0, 2))) found = &known;
            }
        }
        if (found == nullptr) {
            const auto meant = meant_by(flag, names);
            return fmt::format(
                "unknown flag '{}'{}",
                flag,
                meant.empty() ? std::string() : fmt::format("; did you mean {}?", meant));
        }
        if (found->takes_value && word.find('=') == std::string::npos &&
            (word[1] == '-' || word.size() == 2)) {
            ++i;
        }
    }
    return {};
}

log::Level level_from(const std::string& name) {
    if (name == "trace") return log::Level::kTrace;
    if (name == "debug") return log::Level::kDebug;
    if (name == "info") return log::Level::kInfo;
    if (name == "error") return log::Level::kError;
    if (name == "off") return log::Level::kOff;
    return log::Level::kWarn;
}

PresetsOptions::Action presets_action(const std::string& name) {
    if (name == "show") return PresetsOptions::Action::kShow;
    if (name == "check") return PresetsOptions::Action::kCheck;
    if (name == "schema") return PresetsOptions::Action::kSchema;
    if (name == "create") return PresetsOptions::Action::kCreate;
    return PresetsOptions::Action::kList;
}

ConfigOptions::Action config_action(const std::string& name) {
    if (name == "show") return ConfigOptions::Action::kShow;
    if (name == "schema") return ConfigOptions::Action::kSchema;
    return ConfigOptions::Action::kCheck;
}

Result<CommandOptions> take_command(Parser& parser, const CLI::App& command) {
    const auto& name = command.get_name();
    if (name == "transcode") {
        SG_TRY_ASSIGN(auto taken, take_transcode(parser.transcode));
        return CommandOptions(std::move(taken));
    }
    if (name == "probe") return CommandOptions(parser.probe);
    if (name == "plan") {
        SG_TRY_ASSIGN(parser.plan.overrides, read_pairs(parser.plan_set, "--set", "video.crf=21"));
        return CommandOptions(parser.plan);
    }
    if (name == "verify") {
        if (parser.full_verify) parser.verify.mode = engine::VerifyMode::kFull;
        return CommandOptions(parser.verify);
    }
    if (name == "serve") return CommandOptions(parser.serve);
    if (name == "live") {
        if (!command.get_subcommands().empty()) return CommandOptions(parser.clip);
        return CommandOptions(parser.live);
    }
    if (name == "config") {
        parser.config.action = config_action(command.get_subcommands().front()->get_name());
        return CommandOptions(parser.config);
    }
    if (name == "completion") return CommandOptions(parser.completion);
    if (is_client_command(name)) {
        const auto below = command.get_subcommands();
        return take_client_command(
            parser.client, name, below.empty() ? std::string() : below.front()->get_name());
    }
    SG_TRY_ASSIGN(parser.presets.overrides,
                  read_pairs(parser.presets_set, "--set", "video.crf=21"));
    parser.presets.action = presets_action(command.get_subcommands().front()->get_name());
    return CommandOptions(parser.presets);
}

}  // namespace

std::variant<Invocation, Leave> parse_command_line(int argc, const char* const* argv) {
    Parser parser;
    try {
        parser.app.parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
        return Leave{ExitCode::kSuccess, help_of(*deepest_command(parser.app)), false};
    } catch (const CLI::ParseError& error) {
        const auto* command = deepest_command(parser.app);
        const auto unknown = explain_unknown_word(spec_of(parser.app), argc, argv);
        return usage_error(unknown.empty() ? usage_message(error, *command) : unknown, *command);
    }
    if (parser.version) return Leave{ExitCode::kSuccess, {}, true};
    const auto chosen = parser.app.get_subcommands();
    if (chosen.empty()) return Leave{ExitCode::kUsage, help_of(parser.app), false};
    auto taken = take_command(parser, *chosen.front());
    if (!taken) return usage_error(taken.error().message, *chosen.front());
    std::optional<log::Level> level;
    if (!parser.log_level.empty()) level = level_from(parser.log_level);
    return Invocation{std::move(taken).value(), level, !parser.no_sandbox};
}

CommandSpec command_line_spec() {
    const Parser parser;
    return spec_of(parser.app);
}

}  // namespace sg::apps
