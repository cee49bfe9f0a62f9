#pragma once

#include <string>
#include <vector>

#include <presets/document.hpp>

#include "exit_codes.hpp"
#include "options.hpp"

namespace sg::apps {

// Each runs to its end and says on standard error what went wrong.
[[nodiscard]] ExitCode run_transcode(const TranscodeOptions& options);
[[nodiscard]] ExitCode run_probe(const ProbeOptions& options);
[[nodiscard]] ExitCode run_plan(const PlanOptions& options);
[[nodiscard]] ExitCode run_presets(const PresetsOptions& options);
[[nodiscard]] ExitCode run_verify(const VerifyOptions& options);
[[nodiscard]] ExitCode run_serve(const ServeOptions& options);
[[nodiscard]] ExitCode run_live(const LiveOptions& options);
[[nodiscard]] ExitCode run_clip(const ClipOptions& options);
[[nodiscard]] ExitCode run_config(const ConfigOptions& options);
[[nodiscard]] ExitCode run_submit(const SubmitOptions& options);
[[nodiscard]] ExitCode run_jobs(const JobsOptions& options);
[[nodiscard]] ExitCode run_keys(const KeysOptions& options);
[[nodiscard]] ExitCode run_drain(const DrainOptions& options);
[[nodiscard]] ExitCode run_audit(const AuditOptions& options);
[[nodiscard]] ExitCode run_doctor(const DoctorOptions& options);
[[nodiscard]] ExitCode run_replay(const ReplayOptions& options);
[[nodiscard]] ExitCode run_completion(const CompletionOptions& options);
/// "0.1.0"
[[nodiscard]] const char* product_version();
/// The whole answer to --version.
[[nodiscard]] ExitCode run_version();

/// "streamgate: text" on standard error.
ExitCode complain(ExitCode code, const std::string& text);

/// What `check` found in a document, on standard output.
[[nodiscard]] ExitCode report_problems(const std::string& name,
                                       const std::vector<presets::Problem>& problems,
                                       bool json);

}  // namespace sg::apps
