#pragma once

#include <string>
#include <vector>

#include <base/result.hpp>
#include <engine/index.hpp>
#include <ingest/facts.hpp>
#include <pipeline/plan.hpp>
#include <presets/preset.hpp>

namespace sg::engine {

/// Decides everything about a presentation before any of it is made. Pure: the same facts, index
/// and preset give the same plan. Errors: kUnsupported or kInvalidArgument with the reason and what
/// to change.
[[nodiscard]] Result<pipeline::Plan> make_plan(const ingest::SourceFacts& facts,
                                               const Index& index,
                                               const pipeline::SourceIdentity& identity,
                                               const presets::Preset& preset);

/// Outside the plan's hash: what it will probably cost on this machine.
struct Estimate {
    double cpu_seconds = 0;
    double video_cpu_seconds = 0;  ///< of those, for the chunks
    double audio_cpu_seconds = 0;
    double wall_seconds = 0;  ///< with `jobs` tasks at once
    std::int64_t bytes = 0;
};
[[nodiscard]] Estimate estimate(const pipeline::Plan& plan, int jobs);

/// The plan in plain words: renditions, chunks, notes.
[[nodiscard]] std::string describe(const pipeline::Plan& plan);

}  // namespace sg::engine
