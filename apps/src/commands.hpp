#pragma once

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
[[nodiscard]] ExitCode run_completion(const CompletionOptions& options);
/// The whole answer to --version.
[[nodiscard]] ExitCode run_version();

/// "streamgate: text" on standard error.
ExitCode complain(ExitCode code, const std::string& text);

}  // namespace sg::apps
