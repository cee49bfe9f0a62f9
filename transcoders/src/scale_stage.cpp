#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include <media_av/compat.hpp>
#include <transcoders/scale_stage.hpp>

#include "filter_chain.hpp"
#include "frame_format.hpp"

namespace sg::transcoders {

using media::Frame;
using pipeline::Emit;
using pipeline::Flow;
using pipeline::Item;

namespace {

struct Output {
    ScaleTarget target;
    std::optional<FilterChain> chain;
    bool passes = false;
    bool wanted = true;
};

bool subsampled(const AVFrame& frame) {
    const auto* descriptor = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(frame.format));
    return descriptor != nullptr &&
           (descriptor->log2_chroma_w > 0 || descriptor->log2_chroma_h > 0);
}

/// zimg has no half chroma samples: such pictures take the slower way.
bool zimg_takes(const AVFrame& frame, const ScaleTarget& target) {
    const bool odd_source = subsampled(frame) && (frame.width % 2 != 0 || frame.height % 2 != 0);
    return !odd_source && target.width % 2 == 0 && target.height % 2 == 0;
}

std::string description(const AVFrame& frame, const ScaleTarget& target) {
    const auto in = colour_of(frame);
    const auto& to = target.colour;
    std::string text;
    if (zimg_takes(frame, target)) {
        text = fmt::format(
            "zscale=w={}:h={}:filter=bicubic:param_a=0:param_b=0.6:dither=none:rin={}:r={}",
            target.width,
            target.height,
            in.full_range ? "full" : "limited",
            to.full_range ? "full" : "limited");
        const auto convert = [&](const char* key, int from, int into) {
            if (from != 2 && into != 2 && from != into)
                text += fmt::format(":{}in={}:{}={}", key, from, key, into);
        };
        convert("m", in.matrix, to.matrix);
        convert("t", in.transfer, to.transfer);
        convert("p", in.primaries, to.primaries);
    } else {
        text = fmt::format("scale=w={}:h={}:flags={}:in_range={}:out_range={}",
                           target.width,
                           target.height,
                           kExactScale,
                           in.full_range ? "full" : "limited",
                           to.full_range ? "full" : "limited");
    }
    return text + ",format=" + target.pixel_format;
}

bool needs_nothing(const AVFrame& frame, const ScaleTarget& target) {
    const auto in = colour_of(frame);
    const auto same = [](int from, int into) { return from == into || from == 2 || into == 2; };
    return frame.width == target.width && frame.height == target.height &&
           pixel_format_name(frame.format) == target.pixel_format &&
           in.full_range == target.colour.full_range && same(in.matrix, target.colour.matrix) &&
           same(in.transfer, target.colour.transfer) && same(in.primaries, target.colour.primaries);
}

}  // namespace

struct ScaleStage::State {
    std::vector<Output> outputs;
    Takes takes;
    media::StreamInfoPtr input;
    std::optional<pipeline::Cue> cue;
};

ScaleStage::ScaleStage(std::unique_ptr<State> state) : state_(std::move(state)) {}
ScaleStage::~ScaleStage() = default;

std::vector<std::size_t> branch_renditions(const pipeline::VideoPlan& plan, std::int64_t branch) {
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < plan.renditions.size(); ++i) {
        const auto& rendition = plan.renditions[i];
        if (rendition.mode == pipeline::RenditionMode::kEncode && rendition.branch == branch)
            found.push_back(i);
    }
    return found;
}

Result<std::vector<ScaleTarget>> scale_targets(const pipeline::VideoPlan& plan,
                                               std::int64_t branch) {
    const auto chosen = branch_renditions(plan, branch);
    std::vector<ScaleTarget> targets;
    for (const auto index : chosen) {
        const auto& rendition = plan.renditions[index];
        ScaleTarget target{rendition.width,
                           rendition.height,
                           rendition.sar,
                           rendition.pixel_format,
                           rendition.colour,
                           rendition.frame_divisor,
                           -1};
        if (rendition.scale_from >= 0) {
            const auto at = std::find(
                chosen.begin(), chosen.end(), static_cast<std::size_t>(rendition.scale_from));
            if (at == chosen.end()) {
                return Error{Errc::kInvalidArgument,
                             fmt::format("scaling \"{}\": it is scaled from rendition {}, which is "
                                         "not in its branch",
                                         rendition.name,
                                         rendition.scale_from)};
            }
            target.from = static_cast<int>(at - chosen.begin());
        }
        targets.push_back(std::move(target));
    }
    return targets;
}

Result<std::unique_ptr<ScaleStage>> ScaleStage::create(std::vector<ScaleTarget> targets,
                                                       Takes takes) {
    auto state = std::make_unique<State>();
    state->takes = std::move(takes);
    for (std::size_t i = 0; i < targets.size(); ++i) {
        auto& target = targets[i];
        const auto refuse = [&](const std::string& why) {
            return Error{Errc::kInvalidArgument, fmt::format("scaling to output {}: {}", i, why)};
        };
        if (target.width < 2 || target.height < 2 || target.frame_divisor < 1)
            return refuse("size or frame divisor is out of range");
        if (av_get_pix_fmt(target.pixel_format.c_str()) == AV_PIX_FMT_NONE) {
            return refuse(fmt::format("there is no pixel format \"{}\"", target.pixel_format));
        }
        if (target.from >= static_cast<int>(i))
            return refuse("it is scaled from a later output; order them from large to small");
        if (target.from >= 0 &&
            target.frame_divisor % targets[static_cast<std::size_t>(target.from)].frame_divisor !=
                0) {
            return refuse("it shows frames that the output it is scaled from leaves out");
        }
        state->outputs.push_back({target, {}, false, true});
    }
    if (state->outputs.empty())
        return Error{Errc::kInvalidArgument, "scaling: there are no outputs"};
    return std::unique_ptr<ScaleStage>(new ScaleStage(std::move(state)));
}

Result<Flow> ScaleStage::send(std::size_t target, Item item, Emit& out) {
    auto& s = *state_;
    if (s.outputs[target].wanted) {
        SG_TRY_ASSIGN(const auto flow, out.emit(static_cast<int>(target), std::move(item)));
        if (flow == Flow::kDone) s.outputs[target].wanted = false;
    }
    const bool any =
        std::any_of(s.outputs.begin(), s.outputs.end(), [](const Output& o) { return o.wanted; });
    return any ? Flow::kContinue : Flow::kDone;
}

Result<Flow> ScaleStage::send_to_all(const Item& item, Emit& out) {
    Flow flow = Flow::kContinue;
    for (std::size_t i = 0; i < state_->outputs.size(); ++i) {
        SG_TRY_ASSIGN(flow, send(i, pipeline::share(item), out));
    }
    return flow;
}

Result<Flow> ScaleStage::announce(const media::StreamInfo& info, Emit& out) {
    auto& s = *state_;
    Flow flow = Flow::kContinue;
    for (std::size_t i = 0; i < s.outputs.size(); ++i) {
        const auto& target = s.outputs[i].target;
        auto scaled = std::make_shared<media::StreamInfo>(info);
        scaled->width = static_cast<int>(target.width);
        scaled->height = static_cast<int>(target.height);
        scaled->sar = target.sar;
        scaled->pixel_format = target.pixel_format;
        scaled->colour = target.colour;
        scaled->timebase =
            media::reduced({info.timebase.num * target.frame_divisor, info.timebase.den});
        scaled->frame_rate =
            media::reduced({info.frame_rate.num, info.frame_rate.den * target.frame_divisor});
        SG_TRY_ASSIGN(flow, send(i, pipeline::StreamStart{std::move(scaled)}, out));
    }
    return flow;
}

Result<Flow> ScaleStage::scale(Frame frame, Emit& out) {
    auto& s = *state_;
    const auto number = frame.pts();
    const auto cue = std::exchange(s.cue, std::nullopt);
    // What later outputs are scaled from; kept only while this picture is worked on.
    std::vector<std::optional<Frame>> pictures(s.outputs.size());
    std::vector<bool> taken(s.outputs.size());
    std::vector<bool> needed(s.outputs.size());
    for (std::size_t i = s.outputs.size(); i-- > 0;) {
        const auto& target = s.outputs[i].target;
        const auto divisor = target.frame_divisor;
        if (number % divisor != 0) continue;
        taken[i] = !s.takes || s.takes(i, number / divisor, cue.has_value());
        needed[i] = needed[i] || taken[i];
        if (needed[i] && target.from >= 0) needed[static_cast<std::size_t>(target.from)] = true;
    }
    Flow flow = Flow::kContinue;
    for (std::size_t i = 0; i < s.outputs.size(); ++i) {
        auto& output = s.outputs[i];
        if (!needed[i]) continue;
        const Frame& from = output.target.from < 0
                                ? frame
                                : *pictures[static_cast<std::size_t>(output.target.from)];
        if (!output.passes && !output.chain)
            output.passes = needs_nothing(*from.native(), output.target);
        Frame picture = from.share();
        if (!output.passes) {
            if (!output.chain) {
                SG_TRY_ASSIGN(output.chain,
                              FilterChain::create(description(*from.native(), output.target),
                                                  *from.native(),
                                                  s.input->timebase,
                                                  s.input->frame_rate));
            }
            SG_TRY(output.chain->send(std::move(picture)));
            SG_TRY_ASSIGN(auto scaled, output.chain->receive());
            if (!scaled)
                return Error{Errc::kInternal, "scaling: a picture went in and none came out"};
            picture = std::move(*scaled);
        }
        set_colour(*picture.native(), output.target.colour);
        picture.native()->sample_aspect_ratio = {static_cast<int>(output.target.sar.num),
                                                 static_cast<int>(output.target.sar.den)};
        pictures[i] = picture.share();
        if (!taken[i]) continue;
        picture.set_pts(number / output.target.frame_divisor);
        av::set_frame_duration(picture.native(), 1);
        if (cue) SG_TRY(send(i, *cue, out));
        SG_TRY_ASSIGN(flow, send(i, std::move(picture), out));
        if (flow == Flow::kDone) return flow;
    }
    return flow;
}

Result<Flow> ScaleStage::process(int, Item item, Emit& out) {
    auto& s = *state_;
    if (const auto* start = std::get_if<pipeline::StreamStart>(&item)) {
        s.input = start->info;
        for (auto& output : s.outputs) {
            output.chain.reset();
            output.passes = false;
        }
        return announce(*start->info, out);
    }
    if (const auto* cue = std::get_if<pipeline::Cue>(&item)) {
        s.cue = *cue;
        return Flow::kContinue;
    }
    if (auto* frame = std::get_if<Frame>(&item)) {
        if (s.input == nullptr)
            return Error{Errc::kInternal,
                         "scaling: a picture came before its stream was described"};
        return scale(std::move(*frame), out);
    }
    return send_to_all(item, out);
}

}  // namespace sg::transcoders
