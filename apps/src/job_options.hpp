#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <api/gate.hpp>
#include <api/jwt.hpp>
#include <api/rate_limit.hpp>
#include <api/uploads.hpp>
#include <jobs/runner.hpp>
#include <jobs/submission.hpp>
#include <jobs/watch_folder.hpp>
#include <telemetry/job_traces.hpp>

#include <base/result.hpp>

#include "serve_settings.hpp"

// The configuration in the terms of the modules.

namespace sg::apps {

[[nodiscard]] api::AuthenticationMode authentication_mode(ApiAuthentication setting);
[[nodiscard]] api::RateLimitOptions rate_limits(const ApiSettings& settings);
[[nodiscard]] api::JwtOptions jwt_options(const JwtSettings& settings);
[[nodiscard]] api::UploadOptions upload_options(const ServeSettings& settings);
[[nodiscard]] jobs::SubmissionPolicy submission_policy(const ServeSettings& settings);
/// But for roots and uploads.
[[nodiscard]] jobs::RunnerOptions runner_options(const ServeSettings& settings);
/// But for what makes the job.
[[nodiscard]] jobs::WatchOptions watch_options(const std::vector<WatchSettings>& rules);
/// The document of a job for a file that arrived.
[[nodiscard]] std::string watched_document(const jobs::WatchRule& rule,
                                           const std::filesystem::path& file);
/// kInvalidArgument for headers that are not NAME=VALUE.
[[nodiscard]] Result<telemetry::TraceOptions> trace_options(const TelemetrySettings& settings);

}  // namespace sg::apps
