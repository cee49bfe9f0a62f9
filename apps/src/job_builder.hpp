#pragma once

#include <base/result.hpp>
#include <engine/job.hpp>
#include <engine/transcode.hpp>

#include "options.hpp"

namespace sg::apps {

/// The job document that the flags describe; reads --job and --manifest files.
[[nodiscard]] Result<engine::JobDocument> build_job(const TranscodeOptions& options);

[[nodiscard]] engine::RunOptions build_run_options(const TranscodeOptions& options);

}  // namespace sg::apps
