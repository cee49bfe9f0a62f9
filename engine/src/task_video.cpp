#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <ingest/demux_source.hpp>
#include <pipeline/runner.hpp>
#include <transcoders/conform_rate_stage.hpp>
#include <transcoders/decoder_stage.hpp>
#include <transcoders/frame_filter_stage.hpp>
#include <transcoders/video_encoder_stage.hpp>

#include "attempt_sink.hpp"
#include "open_task_source.hpp"
#include "picture_branch.hpp"
#include "segmenter_settings.hpp"
#include "task.hpp"
#include "task_meter.hpp"

namespace sg::engine {
namespace {

using pipeline::GraphBuilder;
using pipeline::Plan;

/// Pictures wait in front of each encoder up to this size: eight of 1080p, three of 4K in 10 bits.
constexpr std::size_t kFrameQueueBytes = std::size_t{64} << 20;

/// A chunk ends with its largest rung, the only one whose encoder never waits: the others leave it
/// a whole processor, so one chunk fills two of them.
constexpr int kSmallerRungNiceness = 5;

pipeline::EdgeOptions packets_edge() {
    pipeline::EdgeOptions edge;
    edge.name = "source>decoder";
    edge.max_items = 64;
    edge.max_bytes = std::size_t{32} << 20;
    return edge;
}

pipeline::EdgeOptions frames_edge(std::string name, std::size_t items) {
    pipeline::EdgeOptions edge;
    edge.name = std::move(name);
    edge.max_items = items;
    edge.max_bytes = kFrameQueueBytes;
    return edge;
}

/// Everything a chunk's graph borrows.
struct ChunkRun {
    const Plan& plan;
    const pipeline::Chunk& chunk;
    TaskMeter meter;
    transcoders::DecodeReport decode;
    transcoders::ConformRateReport conform;
    std::vector<std::unique_ptr<AttemptSink>> sinks;  ///< one a rendition, in the plan's order
};

std::int64_t source_time(const Plan& plan,
                         const ingest::SourceFacts& facts,
                         const pipeline::SeekPoint& start) {
    if (start.pts == media::kNoTime) return media::kNoTime;
    const auto* stream = facts.stream(static_cast<int>(plan.video.source_stream));
    return stream == nullptr
               ? media::kNoTime
               : plan.source.timeline.to_presentation(start.pts, stream->timebase, start.position);
}

/// Time by which the source may be left: the chunk's last picture plus what the choice of the
/// nearest picture looks ahead.
std::int64_t stop_time(const Plan& plan, const pipeline::Chunk& chunk) {
    constexpr std::int64_t kAhead = 2;
    return plan.video.grid.time_ns(chunk.first_frame + chunk.frames + kAhead);
}

/// Pictures that filters see beyond it. They are the source's own, which may come slower than the
/// grid's.
int pictures_after(const Plan& plan) {
    std::int64_t pictures = 0;
    for (const auto& f : plan.video.source_filters) pictures += f.frames_after;
    return static_cast<int>(pictures);
}

std::vector<std::int64_t> segment_starts(const Plan& plan) {
    // All renditions share their borders; the first encoded one gives them back as frames of the
    // base grid.
    for (const auto& r : plan.video.renditions) {
        if (r.mode != pipeline::RenditionMode::kEncode) continue;
        std::vector<std::int64_t> frames;
        for (const auto b : r.borders) frames.push_back(b / r.frame_duration * r.frame_divisor);
        return frames;
    }
    return {};
}

std::int64_t base_gop(const Plan& plan) {
    for (const auto& r : plan.video.renditions) {
        if (r.mode == pipeline::RenditionMode::kEncode)
            return r.encoder.gop_frames * r.frame_divisor;
    }
    return 0;
}

/// Pictures of a chunk in a rendition's own grid.
std::int64_t chunk_frames(const pipeline::Chunk& chunk, const pipeline::VideoRendition& r) {
    const auto first = static_cast<std::size_t>(chunk.first_segment);
    return (r.borders[first + static_cast<std::size_t>(chunk.segments)] - r.borders[first]) /
           r.frame_duration;
}

Status add_branch(ChunkRun& run,
                  GraphBuilder& graph,
                  GraphBuilder::Node rate,
                  std::int64_t branch,
                  const std::filesystem::path& folder) {
    const auto& video = run.plan.video;
    SG_TRY_ASSIGN(const auto pictures,
                  add_picture_branch(graph, rate, video, branch, frames_edge({}, 4)));
    const auto& members = pictures.renditions;
    const auto& largest = video.renditions[largest_rendition(video)];
    for (std::size_t i = 0; i < members.size(); ++i) {
        const auto& r = video.renditions[members[i]];
        auto& sink = run.sinks[members[i]];
        sink = std::make_unique<AttemptSink>(folder, r.name);
        SG_TRY_ASSIGN(auto encoder,
                      transcoders::VideoEncoderStage::create(
                          transcoders::video_encoder_options(r, chunk_frames(run.chunk, r))));
        SG_TRY_ASSIGN(
            auto segmenter,
            packagers::Segmenter::create(encoded_segments(run.plan, run.chunk, r), *sink));
        const auto encoder_node = graph.add_stage("enc-" + r.name, std::move(encoder), 1, 1);
        const auto units = members[i] == 0 ? r.frame_divisor : 0;
        const auto meter_node = graph.add_stage(
            "meter-" + r.name, std::make_unique<MeterStage>(run.meter, units), 1, 1);
        const auto segmenter_node = graph.add_stage("seg-" + r.name, std::move(segmenter), 1, 0);
        if (r.width * r.height < largest.width * largest.height)
            graph.give_way(encoder_node, kSmallerRungNiceness);
        graph.connect(pictures.scale,
                      static_cast<int>(i),
                      encoder_node,
                      0,
                      frames_edge("scale>" + r.name, 8));
        graph.connect(encoder_node, 0, meter_node, 0);
        graph.connect(meter_node, 0, segmenter_node, 0);
    }
    return {};
}

Result<pipeline::Graph> build_graph(ChunkRun& run,
                                    std::unique_ptr<ingest::MediaInput> input,
                                    const std::filesystem::path& folder) {
    const auto& video = run.plan.video;
    ingest::DemuxOptions demux;
    demux.streams = {static_cast<int>(video.source_stream)};
    demux.timeline = run.plan.source.timeline;
    demux.seek = run.plan.source.seek;
    demux.start = run.chunk.start;
    demux.stop_ns = stop_time(run.plan, run.chunk);
    demux.pictures_after = pictures_after(run.plan);

    transcoders::DecoderOptions decoder_options;
    // Decoder threads change no byte. One chunk has the machine to itself; several share it.
    decoder_options.threads = video.chunks.size() == 1 ? 2 : 1;
    decoder_options.drop_before_ns = source_time(run.plan, input->facts(), run.chunk.start);
    decoder_options.errors_allowed = run.plan.decode_errors_allowed;
    decoder_options.report = &run.decode;

    transcoders::ConformRateOptions rate_options;
    rate_options.grid = video.grid;
    rate_options.first_frame = run.chunk.first_frame;
    rate_options.frames = run.chunk.frames;
    rate_options.gop_frames = base_gop(run.plan);
    rate_options.segment_starts = segment_starts(run.plan);
    rate_options.report = &run.conform;

    SG_TRY_ASSIGN(auto source, ingest::DemuxSource::create(std::move(input), std::move(demux)));
    SG_TRY_ASSIGN(auto decoder, transcoders::DecoderStage::create(decoder_options));
    SG_TRY_ASSIGN(auto size,
                  transcoders::ConformSizeStage::create(transcoders::source_format(video)));
    SG_TRY_ASSIGN(auto filter, transcoders::FrameFilterStage::create(video.source_filters));
    SG_TRY_ASSIGN(auto rate, transcoders::ConformRateStage::create(std::move(rate_options)));

    GraphBuilder graph;
    const auto source_node = graph.add_source("source", std::move(source), 1);
    const auto decoder_node = graph.add_stage("decoder", std::move(decoder), 1, 1);
    const auto beat_node =
        graph.add_stage("heartbeat", std::make_unique<MeterStage>(run.meter, 0), 1, 1);
    const auto size_node = graph.add_stage("size", std::move(size), 1, 1);
    const auto filter_node = graph.add_stage("source-filter", std::move(filter), 1, 1);
    const auto rate_node = graph.add_stage("grid", std::move(rate), 1, 1);
    graph.connect(source_node, 0, decoder_node, 0, packets_edge());
    graph.connect(decoder_node, 0, beat_node, 0);
    graph.connect(beat_node, 0, size_node, 0);
    graph.connect(size_node, 0, filter_node, 0);
    graph.connect(filter_node, 0, rate_node, 0);
    for (std::size_t b = 0; b < video.branches.size(); ++b) {
        SG_TRY(add_branch(run, graph, rate_node, static_cast<std::int64_t>(b), folder));
    }
    return std::move(graph).build();
}

}  // namespace

Result<std::string> run_video_task(const TaskRequest& request, TaskContext& context) {
    SG_TRY_ASSIGN(const auto plan, Plan::from_json(request.plan));
    if (request.chunk < 0 || static_cast<std::size_t>(request.chunk) >= plan.video.chunks.size() ||
        context.fds.empty()) {
        return Error{Errc::kInternal, "video task without its chunk or source"};
    }
    const auto& chunk = plan.video.chunks[static_cast<std::size_t>(request.chunk)];
    SG_TRY_ASSIGN(auto input, open_task_source(request, plan, context));

    ChunkRun run{plan, chunk, TaskMeter(context.progress, chunk.frames), {}, {}, {}};
    run.sinks.resize(plan.video.renditions.size());
    SG_TRY_ASSIGN(auto graph, build_graph(run, std::move(input), request.folder));
    pipeline::RunReport report;
    auto status = pipeline::Runner::run(std::move(graph), context.stop, &report);
    if (!status)
        return status.error().within(
            fmt::format("{}, chunk {}", request.source_name, request.chunk));

    nlohmann::json result;
    result["counters"] = {{"frames_decoded", run.decode.frames},
                          {"decode_errors", run.decode.errors},
                          {"corrupt_frames", run.decode.corrupt},
                          {"guessed_times", run.decode.guessed_times},
                          {"duplicated", run.conform.duplicated},
                          {"dropped", run.conform.dropped}};
    for (const auto& lane : report.lanes) result["lanes"][lane.name] = lane.cpu.count() / 1'000'000;
    return result_text(result, run.sinks);
}

}  // namespace sg::engine
