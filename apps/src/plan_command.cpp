#include <algorithm>
#include <string>
#include <thread>

#include <unistd.h>

#include <fmt/format.h>

#include <engine/index.hpp>
#include <engine/planner.hpp>
#include <presets/loader.hpp>

#include "commands.hpp"
#include "open_source.hpp"
#include "quantities.hpp"
#include "terminal.hpp"
#include "text_width.hpp"

namespace sg::apps {

ExitCode run_plan(const PlanOptions& options) {
    const auto preset = presets::load_preset(options.preset, options.overrides);
    if (!preset) return complain(ExitCode::kUsage, preset.error().message);
    const auto input = open_source(options.input);
    if (!input) return complain(ExitCode::kNothingRead, input.error().message);
    const auto index = engine::build_index(**input, {});
    if (!index) return complain(ExitCode::kNothingRead, index.error().message);
    const auto& facts = (*input)->facts();
    const auto plan = engine::make_plan(facts, *index, facts.identity, *preset);
    if (!plan) return complain(ExitCode::kSomeFailed, plan.error().message);

    const int processors = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
    // A chunk in flight fills two.
    const int jobs = options.jobs > 0 ? std::min(2 * options.jobs, processors) : processors;
    const auto cost = engine::estimate(*plan, jobs);
    std::string text;
    if (options.json) {
        // The plan's own bytes, so that its digest can be checked; the estimate stays outside.
        text = fmt::format(
            R"({{"digest":"{}","estimate":{{"bytes":{},"cpu_s":{:.1f},"jobs":{},"wall_s":{:.1f}}},"plan":{}}})",
            plan->digest(),
            cost.bytes,
            cost.cpu_seconds,
            jobs,
            cost.wall_seconds,
            plan->canonical_json());
    } else {
        text = printable_lines(engine::describe(*plan));
        if (!text.ends_with('\n')) text += '\n';
        text += fmt::format("Estimate: {} in {} with {} tasks at once (CPU {}).",
                            bytes_text(cost.bytes),
                            seconds_text(cost.wall_seconds),
                            jobs,
                            seconds_text(cost.cpu_seconds));
    }
    return write_text(STDOUT_FILENO, text + "\n") ? ExitCode::kSuccess : ExitCode::kSomeFailed;
}

}  // namespace sg::apps
