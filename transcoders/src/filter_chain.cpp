#include "filter_chain.hpp"

#include <fmt/format.h>

#include <media_av/check.hpp>
#include <media_av/compat.hpp>

namespace sg::transcoders {

std::string chain_description(const std::vector<pipeline::FilterStep>& steps) {
    std::string text;
    for (const auto& step : steps) {
        if (!text.empty()) text += ',';
        text += step.args.empty() ? step.name : step.name + "=" + step.args;
    }
    return text;
}

Result<FilterChain> FilterChain::create(const std::string& description,
                                        const AVFrame& first,
                                        media::Timebase timebase,
                                        media::Rational frame_rate) {
    const auto attempted = fmt::format("setting up the filters \"{}\"", description);
    FilterChain chain;
    chain.description_ = description;
    chain.timebase_ = timebase;
    chain.graph_.reset(avfilter_graph_alloc());
    if (chain.graph_ == nullptr) return Error{Errc::kLimit, attempted + ": out of memory"};
    auto* graph = chain.graph_.get();
    graph->nb_threads = 1;
    graph->scale_sws_opts = av_strdup(fmt::format("flags={}", kExactScale).c_str());

    chain.source_ = avfilter_graph_alloc_filter(graph, avfilter_get_by_name("buffer"), "in");
    if (chain.source_ == nullptr) return Error{Errc::kLimit, attempted + ": out of memory"};
    auto* parameters = av_buffersrc_parameters_alloc();
    if (parameters == nullptr) return Error{Errc::kLimit, attempted + ": out of memory"};
    parameters->format = first.format;
    parameters->width = first.width;
    parameters->height = first.height;
    parameters->sample_aspect_ratio = first.sample_aspect_ratio;
    parameters->time_base = av::to_av(timebase);
    if (frame_rate.positive()) parameters->frame_rate = av::to_av(frame_rate);
    av::set_source_colour(parameters, &first);
    const int set = av_buffersrc_parameters_set(chain.source_, parameters);
    av_free(parameters);
    SG_TRY(av::check(set, attempted));
    SG_TRY(av::check(avfilter_init_dict(chain.source_, nullptr), attempted));

    SG_TRY(av::check(
        avfilter_graph_create_filter(
            &chain.sink_, avfilter_get_by_name("buffersink"), "out", nullptr, nullptr, graph),
        attempted));
    av::FilterInOutPtr outputs(avfilter_inout_alloc());
    av::FilterInOutPtr inputs(avfilter_inout_alloc());
    if (outputs == nullptr || inputs == nullptr)
        return Error{Errc::kLimit, attempted + ": out of memory"};
    outputs->name = av_strdup("in");
    outputs->filter_ctx = chain.source_;
    inputs->name = av_strdup("out");
    inputs->filter_ctx = chain.sink_;
    auto* raw_outputs = outputs.release();
    auto* raw_inputs = inputs.release();
    const int parsed =
        avfilter_graph_parse_ptr(graph, description.c_str(), &raw_inputs, &raw_outputs, nullptr);
    avfilter_inout_free(&raw_inputs);
    avfilter_inout_free(&raw_outputs);
    SG_TRY(av::check(parsed, attempted));
    SG_TRY(av::check(avfilter_graph_config(graph, nullptr), attempted));
    return chain;
}

Status FilterChain::send(media::Frame frame) {
    return av::check(av_buffersrc_add_frame_flags(source_, frame.native(), AV_BUFFERSRC_FLAG_PUSH),
                     fmt::format("filtering a picture through \"{}\"", description_));
}

Status FilterChain::finish() {
    return av::check(av_buffersrc_add_frame_flags(source_, nullptr, AV_BUFFERSRC_FLAG_PUSH),
                     fmt::format("draining the filters \"{}\"", description_));
}

Result<std::optional<media::Frame>> FilterChain::receive() {
    media::Frame frame;
    const int rc = av_buffersink_get_frame(sink_, frame.native());
    if (rc == AVERROR(EAGAIN) || rc == AVERROR_EOF) return std::optional<media::Frame>{};
    SG_TRY(av::check(rc, fmt::format("filtering a picture through \"{}\"", description_)));
    const auto timebase = av::from_av(av_buffersink_get_time_base(sink_));
    if (frame.pts() != media::kNoTime && timebase != timebase_) {
        frame.set_pts(media::rescale(frame.pts(), timebase, timebase_, media::Rounding::kNearest));
    }
    return std::optional<media::Frame>(std::move(frame));
}

}  // namespace sg::transcoders
