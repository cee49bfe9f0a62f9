#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <ingest/demux_source.hpp>
#include <pipeline/runner.hpp>
#include <transcoders/audio_conform_stage.hpp>
#include <transcoders/audio_encoder_stage.hpp>
#include <transcoders/decoder_stage.hpp>

#include "attempt_sink.hpp"
#include "open_task_source.hpp"
#include "segmenter_settings.hpp"
#include "task.hpp"
#include "task_meter.hpp"

namespace sg::engine {
namespace {

using pipeline::GraphBuilder;
using pipeline::Plan;

pipeline::EdgeOptions edge(std::string name, std::size_t items) {
    pipeline::EdgeOptions options;
    options.name = std::move(name);
    options.max_items = items;
    options.max_bytes = std::size_t{16} << 20;
    return options;
}

struct AudioRun {
    const Plan& plan;
    TaskMeter meter;
    std::vector<std::size_t> renditions;                  ///< indices of the encoded ones
    std::vector<int> streams;                             ///< their source streams, each once
    std::vector<transcoders::DecodeReport> decode;        ///< one a stream
    std::vector<transcoders::AudioRepairReport> conform;  ///< one a rendition
    std::vector<std::unique_ptr<AttemptSink>> sinks;
};

Result<pipeline::Graph> build_graph(AudioRun& run,
                                    std::unique_ptr<ingest::MediaInput> input,
                                    const TaskRequest& request,
                                    const process::ProgressSender& progress) {
    ingest::DemuxOptions demux;
    demux.streams = run.streams;
    demux.timeline = run.plan.source.timeline;
    demux.seek = run.plan.source.seek;
    SG_TRY_ASSIGN(auto source, ingest::DemuxSource::create(std::move(input), std::move(demux)));

    GraphBuilder graph;
    const auto source_node =
        graph.add_source("source", std::move(source), static_cast<int>(run.streams.size()));
    std::vector<GraphBuilder::Node> decoders;
    for (std::size_t s = 0; s < run.streams.size(); ++s) {
        transcoders::DecoderOptions options;
        options.errors_allowed = run.plan.decode_errors_allowed;
        options.report = &run.decode[s];
        SG_TRY_ASSIGN(auto decoder, transcoders::DecoderStage::create(options));
        decoders.push_back(
            graph.add_stage(fmt::format("decoder-{}", run.streams[s]), std::move(decoder), 1, 1));
        graph.connect(source_node,
                      static_cast<int>(s),
                      decoders.back(),
                      0,
                      edge(fmt::format("source>{}", run.streams[s]), 128));
    }
    for (std::size_t i = 0; i < run.renditions.size(); ++i) {
        const auto& r = run.plan.audio[run.renditions[i]];
        run.sinks.push_back(std::make_unique<AttemptSink>(request.folder, r.name));
        auto& sink = *run.sinks.back();
        // The parent keeps a journal of segments, so that a resumed run can prove it makes the same
        // ones.
        sink.after_segment = [&progress](const packagers::TrackDescription& track,
                                         const packagers::SegmentIndex& segment) {
            nlohmann::json message;
            message["segment"] = to_json(TrackPart{track, {segment}});
            return progress(message.dump());
        };
        SG_TRY_ASSIGN(auto conform_options, transcoders::audio_conform_options(r));
        conform_options.report = &run.conform[i];
        SG_TRY_ASSIGN(auto conform,
                      transcoders::AudioConformStage::create(std::move(conform_options)));
        SG_TRY_ASSIGN(
            auto encoder,
            transcoders::AudioEncoderStage::create(transcoders::audio_encoder_options(r)));
        SG_TRY_ASSIGN(auto segmenter,
                      packagers::Segmenter::create(encoded_segments(run.plan, r), sink));
        const auto conform_node = graph.add_stage("conform-" + r.name, std::move(conform), 1, 1);
        const auto encoder_node = graph.add_stage("enc-" + r.name, std::move(encoder), 1, 1);
        const auto meter_node =
            graph.add_stage("meter-" + r.name,
                            std::make_unique<MeterStage>(run.meter, i == 0 ? r.frame_samples : 0),
                            1,
                            1);
        const auto segmenter_node = graph.add_stage("seg-" + r.name, std::move(segmenter), 1, 0);
        const auto stream = static_cast<std::size_t>(
            std::find(run.streams.begin(), run.streams.end(), static_cast<int>(r.source_stream)) -
            run.streams.begin());
        graph.connect(decoders[stream], 0, conform_node, 0, edge("decoder>" + r.name, 64));
        graph.connect(conform_node, 0, encoder_node, 0);
        graph.connect(encoder_node, 0, meter_node, 0);
        graph.connect(meter_node, 0, segmenter_node, 0);
    }
    return std::move(graph).build();
}

}  // namespace

Result<std::string> run_audio_task(const TaskRequest& request, TaskContext& context) {
    SG_TRY_ASSIGN(const auto plan, Plan::from_json(request.plan));
    if (context.fds.empty()) return Error{Errc::kInternal, "audio task without its source"};
    SG_TRY_ASSIGN(auto input, open_task_source(request, plan, context));

    std::int64_t total = 0;
    std::vector<std::size_t> renditions;
    std::vector<int> streams;
    for (std::size_t i = 0; i < plan.audio.size(); ++i) {
        const auto& r = plan.audio[i];
        if (r.mode != pipeline::RenditionMode::kEncode) continue;
        if (renditions.empty()) total = r.samples;
        renditions.push_back(i);
        const auto stream = static_cast<int>(r.source_stream);
        if (std::find(streams.begin(), streams.end(), stream) == streams.end())
            streams.push_back(stream);
    }
    AudioRun run{plan, TaskMeter(context.progress, total), renditions, streams, {}, {}, {}};
    run.decode.resize(streams.size());
    run.conform.resize(renditions.size());
    SG_TRY_ASSIGN(auto graph, build_graph(run, std::move(input), request, context.progress));
    pipeline::RunReport report;
    auto status = pipeline::Runner::run(std::move(graph), context.stop, &report);
    if (!status) return status.error().within(request.source_name + ", audio");

    nlohmann::json result;
    std::int64_t errors = 0;
    for (const auto& d : run.decode) errors += d.errors;
    nlohmann::json counters = {{"audio_decode_errors", errors}};
    if (!run.conform.empty()) {
        // Renditions of one source are repaired alike: the first tells.
        const auto& c = run.conform.front();
        counters["audio_late_samples"] = c.silence_before;
        counters["audio_gaps"] = c.gaps;
        counters["audio_overlaps"] = c.overlaps;
        counters["audio_stretched_samples"] = std::abs(c.stretched);
        counters["audio_format_changes"] = c.format_changes;
    }
    result["counters"] = counters;
    for (const auto& lane : report.lanes) result["lanes"][lane.name] = lane.cpu.count() / 1'000'000;
    return result_text(result, run.sinks);
}

}  // namespace sg::engine
