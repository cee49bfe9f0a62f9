#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <ingest/demux_source.hpp>
#include <pipeline/runner.hpp>
#include <transcoders/conform_rate_stage.hpp>
#include <transcoders/decoder_stage.hpp>
#include <transcoders/frame_filter_stage.hpp>
#include <transcoders/quality_probe.hpp>
#include <transcoders/scale_stage.hpp>

#include "open_task_source.hpp"
#include "picture_branch.hpp"
#include "rendition_frames.hpp"
#include "task.hpp"
#include "task_meter.hpp"

namespace sg::engine {
namespace {

using pipeline::Emit;
using pipeline::Flow;
using pipeline::GraphBuilder;
using pipeline::Item;
using pipeline::Plan;

/// Takes what an encoder was given, and compares it with what the rendition gives back. One input,
/// no output. It reads the rendition's files as it goes, so that neither side can run ahead of the
/// other.
class CompareStage final : public pipeline::Stage {
  public:
    CompareStage(std::string name,
                 std::unique_ptr<RenditionFrames> rendition,
                 transcoders::QualityReport& report)
        : name_(std::move(name)), rendition_(std::move(rendition)), report_(report) {}

    [[nodiscard]] Result<Flow> process(int, Item item, Emit&) override {
        if (const auto* frame = std::get_if<media::Frame>(&item)) SG_TRY(compare(*frame));
        if (std::holds_alternative<pipeline::EndOfStream>(item)) {
            SG_TRY_ASSIGN(const auto extra, rendition_->next());
            if (extra)
                return Error{
                    Errc::kMismatch,
                    fmt::format(
                        "measure quality: rendition {} goes on after the source's last frame",
                        name_)};
        }
        return Flow::kContinue;
    }

  private:
    Status compare(const media::Frame& reference) {
        SG_TRY_ASSIGN(const auto decoded, rendition_->next());
        if (!decoded)
            return Error{
                Errc::kMismatch,
                fmt::format("measure quality: rendition {} ends before frame {} of the source",
                            name_,
                            reference.pts())};
        if (decoded->pts() != reference.pts()) {
            return Error{
                Errc::kMismatch,
                fmt::format(
                    "measure quality: rendition {} has frame {} where the source has frame {}",
                    name_,
                    decoded->pts(),
                    reference.pts())};
        }
        return transcoders::measure(reference, *decoded, report_);
    }

    std::string name_;
    std::unique_ptr<RenditionFrames> rendition_;
    transcoders::QualityReport& report_;
};

struct QualityRun {
    const Plan& plan;
    const std::filesystem::path& folder;
    TaskMeter meter;
    std::vector<transcoders::QualityReport> reports;  ///< one a rendition of the plan
};

pipeline::EdgeOptions edge(std::string name, std::size_t items) {
    pipeline::EdgeOptions options;
    options.name = std::move(name);
    options.max_items = items;
    options.max_bytes = std::size_t{32} << 20;
    return options;
}

/// The same pictures that run_video_task gives to its encoders.
Status add_branch(QualityRun& run,
                  GraphBuilder& graph,
                  GraphBuilder::Node rate,
                  std::int64_t branch) {
    const auto& video = run.plan.video;
    SG_TRY_ASSIGN(const auto pictures, add_picture_branch(graph, rate, video, branch, edge({}, 2)));
    const auto& members = pictures.renditions;
    for (std::size_t i = 0; i < members.size(); ++i) {
        const auto& r = video.renditions[members[i]];
        SG_TRY_ASSIGN(auto frames,
                      RenditionFrames::open(
                          run.folder / r.name, r, run.plan.packaging.offset_seconds * r.timescale));
        const auto meter_node = graph.add_stage(
            "meter-" + r.name,
            std::make_unique<MeterStage>(run.meter, members[i] == 0 ? r.frame_divisor : 0),
            1,
            1);
        const auto compare_node = graph.add_stage(
            "compare-" + r.name,
            std::make_unique<CompareStage>(r.name, std::move(frames), run.reports[members[i]]),
            1,
            0);
        graph.connect(
            pictures.scale, static_cast<int>(i), meter_node, 0, edge("scale>" + r.name, 4));
        graph.connect(meter_node, 0, compare_node, 0);
    }
    return {};
}

Result<pipeline::Graph> build_graph(QualityRun& run, std::unique_ptr<ingest::MediaInput> input) {
    const auto& video = run.plan.video;
    ingest::DemuxOptions demux;
    demux.streams = {static_cast<int>(video.source_stream)};
    demux.timeline = run.plan.source.timeline;
    demux.seek = run.plan.source.seek;

    transcoders::DecoderOptions decoder_options;
    decoder_options.threads = 2;
    decoder_options.errors_allowed = run.plan.decode_errors_allowed;
    transcoders::ConformRateOptions rate_options;
    rate_options.grid = video.grid;
    rate_options.frames = video.grid.frames;

    SG_TRY_ASSIGN(auto source, ingest::DemuxSource::create(std::move(input), std::move(demux)));
    SG_TRY_ASSIGN(auto decoder, transcoders::DecoderStage::create(decoder_options));
    SG_TRY_ASSIGN(auto size,
                  transcoders::ConformSizeStage::create(transcoders::source_format(video)));
    SG_TRY_ASSIGN(auto filter, transcoders::FrameFilterStage::create(video.source_filters));
    SG_TRY_ASSIGN(auto rate, transcoders::ConformRateStage::create(std::move(rate_options)));

    GraphBuilder graph;
    const auto source_node = graph.add_source("source", std::move(source), 1);
    const auto decoder_node = graph.add_stage("decoder", std::move(decoder), 1, 1);
    const auto size_node = graph.add_stage("size", std::move(size), 1, 1);
    const auto filter_node = graph.add_stage("source-filter", std::move(filter), 1, 1);
    const auto rate_node = graph.add_stage("grid", std::move(rate), 1, 1);
    graph.connect(source_node, 0, decoder_node, 0, edge("source>decoder", 64));
    graph.connect(decoder_node, 0, size_node, 0);
    graph.connect(size_node, 0, filter_node, 0);
    graph.connect(filter_node, 0, rate_node, 0);
    for (std::size_t b = 0; b < video.branches.size(); ++b) {
        SG_TRY(add_branch(run, graph, rate_node, static_cast<std::int64_t>(b)));
    }
    return std::move(graph).build();
}

}  // namespace

Result<std::string> run_quality_task(const TaskRequest& request, TaskContext& context) {
    SG_TRY_ASSIGN(const auto plan, Plan::from_json(request.plan));
    nlohmann::json result;
    result["renditions"] = nlohmann::json::array();
    const auto& renditions = plan.video.renditions;
    const bool any = std::any_of(renditions.begin(), renditions.end(), [](const auto& r) {
        return r.mode == pipeline::RenditionMode::kEncode;
    });
    if (!any) return result.dump();
    if (context.fds.empty()) return Error{Errc::kInternal, "quality task without its source"};
    SG_TRY_ASSIGN(auto input, open_task_source(request, plan, context));

    QualityRun run{plan, request.folder, TaskMeter(context.progress, plan.video.grid.frames), {}};
    run.reports.resize(renditions.size());
    SG_TRY_ASSIGN(auto graph, build_graph(run, std::move(input)));
    if (auto status = pipeline::Runner::run(std::move(graph), context.stop); !status)
        return status.error().within(request.source_name);
    for (std::size_t i = 0; i < renditions.size(); ++i) {
        const auto& report = run.reports[i];
        if (report.frames == 0) continue;
        result["renditions"].push_back(
            {{"name", renditions[i].name}, {"psnr", report.psnr(0)}, {"ssim", report.ssim_of(0)}});
    }
    return result.dump();
}

}  // namespace sg::engine
