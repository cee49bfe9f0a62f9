#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <engine/index.hpp>
#include <engine/planner.hpp>
#include <ingest/source.hpp>
#include <presets/loader.hpp>

#include "copy_recipe.hpp"
#include "open_task_source.hpp"
#include "task.hpp"

namespace sg::engine {
namespace {

Result<Index> index_of(ingest::MediaInput& input,
                       const TaskRequest& request,
                       TaskContext& context) {
    if (!request.cache.empty()) {
        auto cached = load_index(request.cache, input.facts().identity);
        if (cached) return cached;
    }
    IndexOptions options;
    options.stop = context.stop;
    options.progress = [&](std::int64_t done, std::int64_t total) {
        // A parent that is gone ends this process anyway.
        static_cast<void>(
            context.progress(fmt::format(R"({{"done":{},"total":{},"bytes":0}})", done, total)));
    };
    SG_TRY_ASSIGN(auto index, build_index(input, options));
    index.identity = input.facts().identity;
    if (!request.cache.empty()) SG_TRY(save_index(request.cache, index));
    return index;
}

}  // namespace

Result<std::string> run_plan_task(const TaskRequest& request, TaskContext& context) {
    if (context.fds.empty()) return Error{Errc::kInternal, "plan task without its source"};
    SG_TRY_ASSIGN(const auto preset, presets::preset_from_json(request.preset));
    ingest::OpenOptions open;
    open.fd = std::move(context.fds.front());
    open.name = request.source_name;
    open.identify = true;
    open.abridge = true;
    open.limits.max_pixels = preset.limits.max_pixels;
    open.stop = context.stop;
    SG_TRY_ASSIGN(auto input, ingest::MediaInput::open(std::move(open)));
    SG_TRY_ASSIGN(const auto index, index_of(*input, request, context));
    SG_TRY_ASSIGN(const auto plan,
                  make_plan(input->facts(), index, input->facts().identity, preset));

    nlohmann::json result;
    if (const auto recipe = make_copy_recipe(plan, index, *input))
        result["copy"] = recipe->to_json();
    result["sample_tables"] = table_streams_json(index.table_streams());
    result["plan"] = plan.canonical_json();
    auto& repairs = result["repairs"] = nlohmann::json::array();
    for (const auto& r : index.repairs)
        repairs.push_back({{"code", r.code}, {"count", r.count}, {"text", r.text}});
    auto& warnings = result["warnings"] = nlohmann::json::array();
    for (const auto& w : input->facts().warnings)
        warnings.push_back({{"code", w.code}, {"text", w.text}});
    return result.dump();
}

}  // namespace sg::engine
