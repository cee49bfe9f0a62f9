#include <algorithm>
#include <string>
#include <thread>

#include <unistd.h>

#include <fmt/format.h>

#include <engine/planner.hpp>
#include <pipeline/plan.hpp>
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
    auto request = open_source(options.input);
    if (!request) return complain(ExitCode::kNothingRead, request.error().message);
    request->preset = presets::canonical_json(*preset);
    const auto report = engine::probe_in_task(std::move(*request), {});
    if (!report) return complain(ExitCode::kNothingRead, report.error().message);
    if (report->plan_failed) return complain(ExitCode::kSomeFailed, report->plan_failed->message);
    const auto plan = pipeline::Plan::from_json(report->plan);
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
