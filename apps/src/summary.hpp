#pragma once

#include <string>

#include <engine/transcode.hpp>

#include "exit_codes.hpp"

namespace sg::apps {

/// What was made of each input, its figures, repairs and notes, and how to watch it.
[[nodiscard]] std::string summary_text(const engine::RunSummary& summary);

[[nodiscard]] ExitCode exit_code_of(const engine::RunSummary& summary);

}  // namespace sg::apps
