#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <thread>
#include <utility>

#include <fcntl.h>

#include <fmt/format.h>

#include <base/file.hpp>
#include <base/log.hpp>
#include <media_av/libav.hpp>
#include <pipeline/packaged_codec.hpp>
#include <pipeline/runner.hpp>
#include <presets/loader.hpp>
#include <transcoders/audio_conform_stage.hpp>
#include <transcoders/audio_encoder_stage.hpp>
#include <transcoders/conform_rate_stage.hpp>
#include <transcoders/decoder_stage.hpp>
#include <transcoders/frame_filter_stage.hpp>
#include <transcoders/video_encoder_stage.hpp>

#include "live_gate.hpp"
#include "live_input.hpp"
#include "live_plan.hpp"
#include "live_sender.hpp"
#include "live_source.hpp"
#include "picture_branch.hpp"
#include "task.hpp"

namespace sg::engine {
namespace {

using pipeline::EdgeOptions;
using pipeline::GraphBuilder;

/// Gates keep edges emptier than this.
constexpr std::size_t kPacketsBeforeDecoder = 1024;
constexpr std::size_t kPicturesBeforeEncoder = 80;
/// Decoded pictures are large, and what scaling has no time for no rung needs.
constexpr std::size_t kPicturesBeforeScaling = 20;
constexpr std::size_t kBytesBeforeScaling = std::size_t{96} << 20;
/// Drift between clocks is followed by at most 0.1 %.
constexpr int kStretchOneIn = 1000;
/// Encoders have all of the processor that decoding, scaling and sound leave. Among themselves they
/// share it evenly: on a machine that is too slow it is the largest rungs that lose pictures.
constexpr int kEncoderNiceness = 5;
/// What boxes around samples add at most to a declared rate.
constexpr std::uint64_t kContainerBits = 24'000;

std::int64_t frame_length(const pipeline::VideoRendition& r) {
    return media::mul_div(
        1'000'000'000, r.frame_rate.den, r.frame_rate.num, media::Rounding::kNearest);
}

unsigned processors() {
    return std::max(1U, std::thread::hardware_concurrency());
}

/// Each but the first holds back a picture: what one processor decodes in time has one.
int decoder_threads(const pipeline::VideoPlan& video, media::Rational rate) {
    constexpr double kDecodedPixels = 130e6;  // in a second, at high bitrates, with time to spare
    constexpr double kMost = 4;
    const auto pixels =
        static_cast<double>(video.source_width * video.source_height) * rate.as_double();
    return static_cast<int>(
        std::min({std::ceil(pixels / kDecodedPixels), kMost, static_cast<double>(processors())}));
}

EdgeOptions edge(std::string name, std::size_t items) {
    EdgeOptions options;
    options.name = std::move(name);
    options.max_items = items;
    return options;
}

EdgeOptions clock_edge(int port) {
    return edge(fmt::format("clock-{}", port), 16);
}

EdgeOptions dropping_edge(std::string name, std::size_t items) {
    auto options = edge(std::move(name), items);
    options.policy = pipeline::OverflowPolicy::kDropToKeyFrame;
    return options;
}

/// From when the tracks are known to where the timeline breaks or a track comes or goes.
class LiveRun {
  public:
    LiveRun(LivePlan plan, LiveStart start, LiveInput& input, LiveSender& sender)
        : live_(std::move(plan)),
          start_(std::move(start)),
          replays_(!start_.past.empty()),
          input_(input),
          sender_(sender) {
        for (const auto& r : live_.plan.video.renditions) rung_gates_.emplace_back(frame_length(r));
    }

    /// `replan` makes the plan of tracks in another shape.
    using Replan = std::function<Result<LivePlan>(std::span<const LiveSeen>)>;
    [[nodiscard]] Status run(std::chrono::milliseconds segment,
                             const Replan& replan,
                             std::stop_token stop);

  private:
    [[nodiscard]] std::vector<LiveRenditionInfo> renditions(
        std::chrono::milliseconds segment) const;
    [[nodiscard]] std::map<int, int> choose_ports();
    [[nodiscard]] Status add_video(GraphBuilder& graph, GraphBuilder::Node source, int port);
    [[nodiscard]] Status add_branch(GraphBuilder& graph,
                                    GraphBuilder::Node grid,
                                    std::int64_t branch);
    [[nodiscard]] Status add_audio(GraphBuilder& graph, GraphBuilder::Node source);
    [[nodiscard]] bool serves(const LiveSourceTrack& described, const Replan& replan) const;
    [[nodiscard]] int clock_of(int port) const {
        return port + static_cast<int>(port_of_stream_.size());
    }
    [[nodiscard]] int track_of(std::int64_t stream) const {
        return start_.tracks[static_cast<std::size_t>(stream)].track.id;
    }

    LivePlan live_;
    LiveStart start_;  ///< its units go to the source
    bool replays_;
    LiveInput& input_;
    LiveSender& sender_;
    std::map<std::int64_t, int> port_of_stream_;
    PacketGate gate_;
    std::deque<PictureGate> rung_gates_;  ///< by rendition
};

std::vector<LiveRenditionInfo> LiveRun::renditions(std::chrono::milliseconds segment) const {
    const auto& plan = live_.plan;
    std::vector<LiveRenditionInfo> all;
    // Every codec that a preset can ask for can be packaged.
    for (const auto& r : plan.video.renditions) {
        LiveRenditionInfo info;
        info.name = r.name;
        info.codec = *pipeline::packaged_codec(r.codec);
        info.source_track = track_of(r.source_stream);
        info.frame_ns = frame_length(r);
        if (r.encoder.max_bitrate > 0) {
            // A segment may begin with the buffer full and end with it empty.
            const auto burst =
                media::mul_div(r.encoder.buffer_bits, 1000, segment.count(), media::Rounding::kUp);
            info.peak = static_cast<std::uint64_t>(r.encoder.max_bitrate + burst) + kContainerBits;
        }
        all.push_back(std::move(info));
    }
    for (const auto& r : plan.audio) {
        LiveRenditionInfo info;
        info.name = r.name;
        info.codec = *pipeline::packaged_codec(r.codec);
        info.source_track = track_of(r.source_stream);
        info.language = r.language;
        info.label = r.label;
        info.is_default = r.is_default;
        if (r.encoder.max_bitrate > 0)
            info.peak = static_cast<std::uint64_t>(r.encoder.max_bitrate) + kContainerBits;
        all.push_back(std::move(info));
    }
    return all;
}

/// By track; also fills port_of_stream_.
std::map<int, int> LiveRun::choose_ports() {
    const auto& plan = live_.plan;
    std::map<int, int> ports;
    const auto add = [&](std::int64_t stream) {
        const auto port = static_cast<int>(port_of_stream_.size());
        if (port_of_stream_.try_emplace(stream, port).second) ports[track_of(stream)] = port;
    };
    if (!plan.video.renditions.empty()) add(plan.video.source_stream);
    for (const auto& r : plan.audio) add(r.source_stream);
    return ports;
}

Status LiveRun::add_branch(GraphBuilder& graph, GraphBuilder::Node grid, std::int64_t branch) {
    const auto& video = live_.plan.video;
    auto before_scaling = dropping_edge({}, kPicturesBeforeScaling);
    before_scaling.max_bytes = kBytesBeforeScaling;
    std::vector<PictureGate*> gates;
    for (const auto index : transcoders::branch_renditions(video, branch))
        gates.push_back(&rung_gates_[index]);
    SG_TRY_ASSIGN(const auto pictures,
                  add_picture_branch(graph,
                                     grid,
                                     video,
                                     branch,
                                     std::move(before_scaling),
                                     [gates](std::size_t rung, std::int64_t frame, bool marked) {
                                         return gates[rung]->take(frame, marked);
                                     }));
    const auto& members = pictures.renditions;
    for (std::size_t i = 0; i < members.size(); ++i) {
        const auto& r = video.renditions[members[i]];
        SG_TRY_ASSIGN(
            auto encoder,
            transcoders::VideoEncoderStage::create(transcoders::video_encoder_options(r, 0)));
        const auto intake_node =
            graph.add_stage("enc-" + r.name, std::make_unique<PictureIntakeStage>(*gates[i]), 1, 1);
        const auto encoder_node = graph.add_stage("encoder-" + r.name, std::move(encoder), 1, 1);
        const auto sink_node = graph.add_stage(
            "out-" + r.name, std::make_unique<LiveSinkStage>(sender_, members[i]), 1, 0);
        graph.give_way(encoder_node, kEncoderNiceness);
        graph.connect(pictures.scale,
                      static_cast<int>(i),
                      intake_node,
                      0,
                      dropping_edge("scale>" + r.name, kPicturesBeforeEncoder));
        graph.connect(intake_node, 0, encoder_node, 0);
        graph.connect(encoder_node, 0, sink_node, 0);
    }
    return {};
}

Status LiveRun::add_video(GraphBuilder& graph, GraphBuilder::Node source, int port) {
    const auto& video = live_.plan.video;
    transcoders::DecoderOptions decoder_options;
    decoder_options.threads =
        decoder_threads(video, start_.tracks[static_cast<std::size_t>(video.source_stream)].rate);
    if (replays_) decoder_options.drop_before_ns = 0;
    transcoders::ConformRateOptions rate;
    rate.grid = video.grid;
    rate.gop_ns = live_.gop_ns;
    rate.gop_step = live_.gop_step;
    rate.segment_gops = live_.segment_gops;
    SG_TRY_ASSIGN(auto decoder, transcoders::DecoderStage::create(decoder_options));
    SG_TRY_ASSIGN(auto size,
                  transcoders::ConformSizeStage::create(transcoders::source_format(video)));
    SG_TRY_ASSIGN(auto filter, transcoders::FrameFilterStage::create(video.source_filters));
    SG_TRY_ASSIGN(auto grid, transcoders::ConformRateStage::create(std::move(rate)));
    const auto intake_node =
        graph.add_stage("decoder", std::make_unique<LiveIntakeStage>(gate_.backlog()), 1, 1);
    const auto decoder_node = graph.add_stage("video-decoder", std::move(decoder), 1, 1);
    const auto size_node = graph.add_stage("size", std::move(size), 1, 1);
    const auto filter_node = graph.add_stage("source-filter", std::move(filter), 1, 1);
    const auto grid_node = graph.add_stage("grid", std::move(grid), 2, 1);
    graph.connect(source, port, intake_node, 0, edge("source>video", kPacketsBeforeDecoder));
    graph.connect(intake_node, 0, decoder_node, 0);
    graph.connect(decoder_node, 0, size_node, 0);
    graph.connect(size_node, 0, filter_node, 0);
    graph.connect(filter_node, 0, grid_node, 0);
    graph.connect(source,
                  clock_of(port),
                  grid_node,
                  transcoders::ConformRateStage::kClockPort,
                  clock_edge(port));
    for (std::size_t b = 0; b < video.branches.size(); ++b)
        SG_TRY(add_branch(graph, grid_node, static_cast<std::int64_t>(b)));
    return {};
}

Status LiveRun::add_audio(GraphBuilder& graph, GraphBuilder::Node source) {
    const auto& plan = live_.plan;
    std::map<std::int64_t, GraphBuilder::Node> decoders;
    for (std::size_t i = 0; i < plan.audio.size(); ++i) {
        const auto& r = plan.audio[i];
        const auto port = port_of_stream_.at(r.source_stream);
        auto decoder = decoders.find(r.source_stream);
        if (decoder == decoders.end()) {
            SG_TRY_ASSIGN(auto stage, transcoders::DecoderStage::create({}));
            const auto node =
                graph.add_stage(fmt::format("decoder-{}", r.source_stream), std::move(stage), 1, 1);
            graph.connect(
                source, port, node, 0, edge(fmt::format("source>{}", r.source_stream), 64));
            decoder = decoders.emplace(r.source_stream, node).first;
        }
        SG_TRY_ASSIGN(auto conform_options, transcoders::audio_conform_options(r));
        conform_options.stretch_one_in = kStretchOneIn;
        SG_TRY_ASSIGN(auto conform,
                      transcoders::AudioConformStage::create(std::move(conform_options)));
        SG_TRY_ASSIGN(
            auto encoder,
            transcoders::AudioEncoderStage::create(transcoders::audio_encoder_options(r)));
        const auto conform_node = graph.add_stage("conform-" + r.name, std::move(conform), 2, 1);
        const auto encoder_node = graph.add_stage("enc-" + r.name, std::move(encoder), 1, 1);
        const auto number = plan.video.renditions.size() + i;
        const auto sink_node = graph.add_stage(
            "out-" + r.name, std::make_unique<LiveSinkStage>(sender_, number), 1, 0);
        graph.connect(decoder->second, 0, conform_node, 0);
        graph.connect(source,
                      clock_of(port),
                      conform_node,
                      transcoders::AudioConformStage::kClockPort,
                      clock_edge(port));
        graph.connect(conform_node, 0, encoder_node, 0);
        graph.connect(encoder_node, 0, sink_node, 0);
    }
    return {};
}

bool LiveRun::serves(const LiveSourceTrack& described, const Replan& replan) const {
    auto tracks = start_.tracks;
    for (auto& seen : tracks)
        if (seen.track.id == described.id) seen.track = described;
    const auto fresh = replan(tracks);
    return fresh && serves_as_well(live_.plan, fresh->plan);
}

Status LiveRun::run(std::chrono::milliseconds segment, const Replan& replan, std::stop_token stop) {
    LiveSource::Settings settings;
    settings.ports = choose_ports();
    settings.serves = [&](const LiveSourceTrack& described) { return serves(described, replan); };
    settings.gate = &gate_;
    settings.dropped = [this] { return sender_.dropped(); };
    const auto outputs = 2 * static_cast<int>(settings.ports.size());
    sender_.begin(renditions(segment), start_.origin_ns, stop);
    GraphBuilder graph;
    const auto source_node = graph.add_source(
        "source",
        std::make_unique<LiveSource>(
            std::exchange(start_, {start_.tracks, {}, {}, 0}), std::move(settings), input_),
        outputs);
    const auto& plan = live_.plan;
    if (!plan.video.renditions.empty())
        SG_TRY(add_video(graph, source_node, port_of_stream_.at(plan.video.source_stream)));
    SG_TRY(add_audio(graph, source_node));
    SG_TRY_ASSIGN(auto built, std::move(graph).build());
    return pipeline::Runner::run(std::move(built), stop);
}

}  // namespace

Result<std::string> run_live_task(const TaskRequest& request, TaskContext& context) {
    if (context.fds.empty() || request.segment_ms <= 0)
        return Error{Errc::kInternal, "live task without its socket or segment duration"};
    SG_TRY_ASSIGN(const auto preset, presets::preset_from_json(request.preset));
    // Encoders tell all their settings, which is no news.
    av_log_set_level(AV_LOG_ERROR);
    // One reads while others write: a descriptor for each.
    UniqueFd other(::fcntl(context.fds.front().get(), F_DUPFD_CLOEXEC, 0));
    if (!other.valid()) return errno_error(errno, "live encoding of " + request.source_name);
    LiveSender sender(std::move(other));
    LiveInput input(std::move(context.fds.front()));
    const std::chrono::milliseconds segment(request.segment_ms);
    const LiveAims aims{segment, request.low_latency, processors()};
    const auto replan = [&](std::span<const LiveSeen> tracks) {
        return make_live_plan(request.source_name, tracks, preset, aims);
    };
    for (;;) {
        SG_TRY_ASSIGN(auto start, input.gather(context.stop));
        if (!start) return std::string("{}");
        auto plan = replan(start->tracks);
        if (!plan) return plan.error();
        for (const auto& note : plan->plan.notes)
            log::info(
                "plan_note code={} subject={} reason=\"{}\"", note.code, note.subject, note.reason);
        LiveRun run(std::move(*plan), std::move(*start), input, sender);
        if (auto status = run.run(segment, replan, context.stop); !status)
            return status.error().within(request.source_name);
    }
}

}  // namespace sg::engine
