#pragma once

#include <base/result.hpp>
#include <engine/job.hpp>
#include <presets/preset.hpp>

namespace sg::engine {

/// The preset of one of the job's inputs with the overrides of both: one that the document carries,
/// else of the library, else a file.
[[nodiscard]] Result<presets::Preset> preset_of(const JobDocument& job, const JobInput& input);

}  // namespace sg::engine
