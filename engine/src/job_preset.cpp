#include <string>

#include <engine/job_preset.hpp>
#include <presets/loader.hpp>

namespace sg::engine {

Result<presets::Preset> preset_of(const JobDocument& job, const JobInput& input) {
    auto overrides = job.overrides;
    for (const auto& [key, value] : input.overrides) overrides[key] = value;
    const std::string& name = input.preset ? *input.preset : job.preset;
    const auto carried = job.presets.find(name);
    if (carried != job.presets.end())
        return presets::preset_from_text(carried->second, name, overrides);
    return presets::load_preset(name, overrides);
}

}  // namespace sg::engine
