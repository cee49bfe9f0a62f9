#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <engine/index.hpp>
#include <engine/planner.hpp>
#include <ingest/source.hpp>
#include <presets/loader.hpp>
#include <process/message.hpp>

#include "task.hpp"

namespace sg::engine {

Result<std::string> run_probe_task(const TaskRequest& request, TaskContext& context) {
    if (context.fds.empty()) return Error{Errc::kInternal, "probe task without its source"};
    ingest::OpenOptions open;
    open.fd = std::move(context.fds.front());
    open.name = request.source_name;
    open.identify = true;
    open.abridge = true;
    open.stop = context.stop;
    std::optional<presets::Preset> preset;
    if (!request.preset.empty()) {
        SG_TRY_ASSIGN(preset, presets::preset_from_json(request.preset));
        open.limits.max_pixels = preset->limits.max_pixels;
    }
    SG_TRY_ASSIGN(auto input, ingest::MediaInput::open(std::move(open)));
    nlohmann::json result{{"facts", ingest::to_json(input->facts())},
                          {"facts_text", ingest::describe(input->facts())},
                          {"index", ""},
                          {"index_text", ""},
                          {"plan", ""},
                          {"plan_failed", ""}};
    if (request.full || preset) {
        IndexOptions options;
        options.stop = context.stop;
        options.progress = [&](std::int64_t done, std::int64_t total) {
            // A parent that is gone ends this process anyway.
            static_cast<void>(context.progress(
                fmt::format(R"({{"done":{},"total":{},"bytes":0}})", done, total)));
        };
        SG_TRY_ASSIGN(const auto index, build_index(*input, options));
        if (request.full) {
            result["index"] = to_json(index);
            result["index_text"] = describe(index);
        }
        if (preset) {
            const auto& facts = input->facts();
            const auto plan = make_plan(facts, index, facts.identity, *preset);
            if (plan) result["plan"] = plan->canonical_json();
            if (!plan) result["plan_failed"] = process::encode_error(plan.error());
        }
    }
    return result.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace sg::engine
