#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <ingest/demux_source.hpp>
#include <packagers/copy_stage.hpp>
#include <pipeline/runner.hpp>

#include "attempt_sink.hpp"
#include "copy_by_tables.hpp"
#include "copy_recipe.hpp"
#include "open_task_source.hpp"
#include "segmenter_settings.hpp"
#include "task.hpp"
#include "task_meter.hpp"

namespace sg::engine {
namespace {

using pipeline::GraphBuilder;
using pipeline::Plan;
using pipeline::RenditionMode;

Result<std::string> copy_by_packets(const TaskRequest& request,
                                    const Plan& plan,
                                    TaskContext& context);

}  // namespace

Result<std::string> run_copy_task(const TaskRequest& request, TaskContext& context) {
    SG_TRY_ASSIGN(const auto plan, Plan::from_json(request.plan));
    if (context.fds.empty()) return Error{Errc::kInternal, "copy task without its source"};
    if (!request.copy.empty()) {
        SG_TRY_ASSIGN(auto result, copy_by_tables(request, plan, context));
        if (result) return std::move(*result);
    }
    return copy_by_packets(request, plan, context);
}

namespace {

Result<std::string> copy_by_packets(const TaskRequest& request,
                                    const Plan& plan,
                                    TaskContext& context) {
    SG_TRY_ASSIGN(auto input, open_task_source(request, plan, context));

    TaskMeter meter(context.progress, plan.source.identity.bytes);
    ingest::DemuxOptions demux;
    demux.timeline = plan.source.timeline;
    demux.seek = plan.source.seek;
    std::vector<std::unique_ptr<AttemptSink>> sinks;
    GraphBuilder graph;
    struct Lane {
        std::string name;
        std::unique_ptr<packagers::CopyStage> copy;
        std::unique_ptr<packagers::Segmenter> segmenter;
    };
    std::vector<Lane> lanes;
    const auto add = [&](const auto& r, auto copy) -> Status {
        if (!copy) return std::move(copy).error();
        sinks.push_back(std::make_unique<AttemptSink>(request.folder, r.name));
        SG_TRY_ASSIGN(auto segmenter,
                      packagers::Segmenter::create(copied_segments(plan, r), *sinks.back()));
        demux.streams.push_back(static_cast<int>(r.source_stream));
        lanes.push_back({r.name, std::move(copy).value(), std::move(segmenter)});
        return {};
    };
    for (const auto& r : plan.video.renditions) {
        if (r.mode == RenditionMode::kCopy) SG_TRY(add(r, packagers::CopyStage::create_video(r)));
    }
    for (const auto& r : plan.audio) {
        if (r.mode == RenditionMode::kCopy) SG_TRY(add(r, packagers::CopyStage::create_audio(r)));
    }
    const auto ports = static_cast<int>(demux.streams.size());
    SG_TRY_ASSIGN(auto source, ingest::DemuxSource::create(std::move(input), std::move(demux)));
    // Moving bytes keeps one processor busy at most: everything runs on the source's lane.
    const auto source_node = graph.add_source("source", std::move(source), ports);
    for (int port = 0; port < ports; ++port) {
        auto& lane = lanes[static_cast<std::size_t>(port)];
        const auto meter_node = graph.add_stage(
            "meter-" + lane.name, std::make_unique<MeterStage>(meter, MeterStage::kBytes), 1, 1);
        const auto copy_node = graph.add_stage("copy-" + lane.name, std::move(lane.copy), 1, 1);
        const auto segmenter_node =
            graph.add_stage("seg-" + lane.name, std::move(lane.segmenter), 1, 0);
        graph.connect(source_node, port, meter_node, 0);
        graph.connect(meter_node, 0, copy_node, 0);
        graph.connect(copy_node, 0, segmenter_node, 0);
    }
    SG_TRY_ASSIGN(auto built, std::move(graph).build());
    auto status = pipeline::Runner::run(std::move(built), context.stop);
    if (!status) return status.error().within(request.source_name + ", copy");

    return result_text(nlohmann::json::object(), sinks);
}

}  // namespace
}  // namespace sg::engine
