#include "command_line_transcode.hpp"

#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "quantities.hpp"

namespace sg::apps {
namespace {

constexpr const char* kFileType = "FILE";

}  // namespace

void add_set(CLI::App* command, std::vector<std::string>& into) {
    command->add_option("--set", into, "Change one preset value; may be repeated")
        ->type_name("KEY=VALUE")
        ->allow_extra_args(false)
        ->group("What to make");
}

void add_job_flags(CLI::App& command, TranscodeFlags& flags) {
    auto* c = &command;
    auto& o = flags.options;
    c->add_option("inputs", o.inputs, "Files, globs, image patterns (f/%04d.png), pipes, or -")
        ->type_name("INPUT");
    c->add_option("-o,--output", o.output, "Folder of what is made (default: out)")
        ->type_name("DIR")
        ->group("What to make");
    c->add_option("-p,--preset", o.preset, "Preset by name, or a file (default: web-hd)")
        ->type_name("NAME|FILE")
        ->group("What to make");
    add_set(c, flags.set);
    c->add_option("--manifest", o.manifest, "Inputs from a .csv or .ndjson list")
        ->type_name(kFileType)
        ->group("What to make");
    c->add_option("--job", o.job_file, "A job document (YAML or JSON) instead of flags")
        ->type_name(kFileType)
        ->group("What to make");
    c->add_flag("--print-job", o.print_job, "Print the job document these flags build; run nothing")
        ->group("What to make");
    c->add_option(
         "--publish", flags.publish_mode, "When players see it: while it grows, or at the end")
        ->check(CLI::IsMember({"early", "end"}))
        ->type_name("early|end")
        ->group("What to make");

    auto* checked =
        c->add_option("--verify", flags.verify_mode, "How much is checked before publishing")
            ->check(CLI::IsMember({"quick", "full", "off"}))
            ->type_name("quick|full|off")
            ->group("Quality");
    c->add_flag("--no-verify", flags.no_verify, "The same as --verify off")
        ->excludes(checked)
        ->group("Quality");
    c->add_flag("--quality", o.quality, "Measure PSNR and SSIM of each rendition")
        ->group("Quality");
    c->add_option(
         "--strict", o.strict_percent, "Percentage of a track's frames that may be damaged")
        ->check(CLI::Range(0.0, 100.0))
        ->type_name("PERCENT")
        ->group("Quality");
}

void add_run_flags(CLI::App& command, TranscodeFlags& flags) {
    auto* c = &command;
    auto& o = flags.options;
    c->add_option("-j,--jobs", o.jobs, "Tasks at once (default: by the processors)")
        ->check(CLI::Range(1, 1024))
        ->type_name("N")
        ->group("How to run");
    c->add_flag("--resume", o.resume, "Go on with what an interrupted run left")
        ->group("How to run");
    c->add_flag("--overwrite", o.overwrite, "Replace what the folder already publishes")
        ->group("How to run");
    c->add_option(
         "--memory-limit", flags.memory_limit, "Of one task, for example 2G (default: none)")
        ->type_name("SIZE")
        ->group("How to run");
    c->add_option("--stall-timeout",
                  flags.stall_timeout,
                  "End a task that is silent for so long (default: 120s)")
        ->type_name("TIME")
        ->group("How to run");
    c->add_option("--open-timeout",
                  flags.open_timeout,
                  "How long a pipe may stay silent at first (default: 10s)")
        ->type_name("TIME")
        ->group("How to run");

    auto* json = c->add_flag("--json", o.json, "Events as NDJSON on standard output")
                     ->group("What is shown");
    c->add_flag("-q,--quiet", o.quiet, "No progress, only the summary")
        ->excludes(json)
        ->group("What is shown");

    c->add_flag("--in-process", o.in_process, "No child processes")->group("Diagnosis");
    c->add_flag("--keep-work", o.keep_work, "Leave the work folder")->group("Diagnosis");
}

Result<std::map<std::string, std::string>> read_pairs(const std::vector<std::string>& pairs,
                                                      const char* flag,
                                                      const char* example) {
    std::map<std::string, std::string> all;
    for (const auto& pair : pairs) {
        const auto equals = pair.find('=');
        if (equals == std::string::npos || equals == 0) {
            return Error{
                Errc::kInvalidArgument,
                fmt::format(
                    "{0} takes KEY=VALUE, for example {0} {1}, not '{2}'", flag, example, pair)};
        }
        all[pair.substr(0, equals)] = pair.substr(equals + 1);
    }
    return all;
}

Result<TranscodeOptions> take_transcode(TranscodeFlags& flags) {
    auto& o = flags.options;
    SG_TRY_ASSIGN(o.overrides, read_pairs(flags.set, "--set", "video.crf=21"));
    if (flags.verify_mode == "quick") o.verify = engine::VerifyMode::kQuick;
    if (flags.verify_mode == "full") o.verify = engine::VerifyMode::kFull;
    if (flags.verify_mode == "off" || flags.no_verify) o.verify = engine::VerifyMode::kOff;
    if (flags.publish_mode == "early") o.publish = engine::PublishMode::kEarly;
    if (flags.publish_mode == "end") o.publish = engine::PublishMode::kEnd;
    if (!flags.memory_limit.empty()) {
        SG_TRY_ASSIGN(o.memory_limit_bytes, parse_byte_count(flags.memory_limit));
    }
    if (!flags.stall_timeout.empty()) {
        SG_TRY_ASSIGN(o.stall_seconds, parse_seconds(flags.stall_timeout));
    }
    if (!flags.open_timeout.empty()) {
        SG_TRY_ASSIGN(o.open_seconds, parse_seconds(flags.open_timeout));
    }
    if (!o.job_file.empty() && (!o.inputs.empty() || !o.manifest.empty())) {
        return Error{Errc::kInvalidArgument, "--job names its own inputs; give it or inputs"};
    }
    if (o.job_file.empty() && o.manifest.empty() && o.inputs.empty()) {
        return Error{Errc::kInvalidArgument, "no input; name files, or use --manifest or --job"};
    }
    return std::move(o);
}

}  // namespace sg::apps
