#pragma once

#include <chrono>
#include <string>

#include <jobs/job.hpp>

#include <base/result.hpp>
#include <engine/transcode.hpp>

namespace sg::jobs {

/// What an error says about trying again. `stage` is the engine's ("open", "index", "encode",
/// "verify", ...).
[[nodiscard]] RetryClass retry_class_of(const Error& error,
                                        const std::string& stage,
                                        bool from_outside);
[[nodiscard]] RetryClass retry_class_of(const engine::InputSummary& failed);

/// Failures in this series, the one that just happened included: an attempt after a retry by hand
/// begins a new one.
[[nodiscard]] int failures_in_series(const Job& job);

[[nodiscard]] bool worth_retrying(RetryClass value, int failures, int attempts);

/// `chance` from 0 to 1.
[[nodiscard]] std::chrono::milliseconds backoff(RetryClass value,
                                                int failures,
                                                std::chrono::milliseconds base,
                                                double chance);

}  // namespace sg::jobs
