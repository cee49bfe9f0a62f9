#include <deque>
#include <optional>
#include <utility>
#include <variant>

#include <media_av/libav.hpp>
#include <transcoders/frame_filter_stage.hpp>

#include "filter_chain.hpp"
#include "frame_format.hpp"

namespace sg::transcoders {

using media::Frame;
using pipeline::Emit;
using pipeline::Flow;
using pipeline::Item;

struct FrameFilterStage::State {
    std::string description;
    media::StreamInfoPtr input;
    std::optional<FilterChain> chain;
    std::optional<media::StreamInfo> announced;
    std::optional<pipeline::Cue> next_cue;
    /// Cues of frames that are still inside the chain.
    std::deque<std::pair<std::int64_t, pipeline::Cue>> cues;
};

FrameFilterStage::FrameFilterStage(std::unique_ptr<State> state) : state_(std::move(state)) {}
FrameFilterStage::~FrameFilterStage() = default;

Result<std::unique_ptr<FrameFilterStage>> FrameFilterStage::create(
    std::vector<pipeline::FilterStep> steps) {
    auto state = std::make_unique<State>();
    state->description = chain_description(steps);
    return std::unique_ptr<FrameFilterStage>(new FrameFilterStage(std::move(state)));
}

Result<Flow> FrameFilterStage::deliver(Emit& out) {
    auto& s = *state_;
    while (true) {
        SG_TRY_ASSIGN(auto frame, s.chain->receive());
        if (!frame) return Flow::kContinue;
        auto format = raw_info(*s.input, *frame->native());
        if (!s.announced || !same_format(*s.announced, format)) {
            s.announced = format;
            SG_TRY_ASSIGN(const auto flow,
                          out.emit(0,
                                   pipeline::StreamStart{std::make_shared<const media::StreamInfo>(
                                       std::move(format))}));
            if (flow == Flow::kDone) return flow;
        }
        while (!s.cues.empty() && s.cues.front().first <= frame->pts()) {
            const auto cue = s.cues.front().second;
            s.cues.pop_front();
            SG_TRY_ASSIGN(const auto flow, out.emit(0, cue));
            if (flow == Flow::kDone) return flow;
        }
        SG_TRY_ASSIGN(const auto flow, out.emit(0, std::move(*frame)));
        if (flow == Flow::kDone) return flow;
    }
}

Result<Flow> FrameFilterStage::drain(Emit& out) {
    auto& s = *state_;
    if (!s.chain) return Flow::kContinue;
    SG_TRY(s.chain->finish());
    SG_TRY_ASSIGN(const auto flow, deliver(out));
    s.chain.reset();
    return flow;
}

Result<Flow> FrameFilterStage::process(int, Item item, Emit& out) {
    auto& s = *state_;
    if (s.description.empty()) return out.emit(0, std::move(item));
    if (const auto* start = std::get_if<pipeline::StreamStart>(&item)) {
        SG_TRY_ASSIGN(const auto flow, drain(out));
        s.input = start->info;
        return flow;
    }
    if (const auto* cue = std::get_if<pipeline::Cue>(&item)) {
        s.next_cue = *cue;
        return Flow::kContinue;
    }
    if (auto* frame = std::get_if<Frame>(&item)) {
        if (s.input == nullptr)
            return Error{Errc::kInternal,
                         "filtering: a picture came before its stream was described"};
        if (!s.chain) {
            SG_TRY_ASSIGN(
                s.chain,
                FilterChain::create(
                    s.description, *frame->native(), s.input->timebase, s.input->frame_rate));
        }
        if (s.next_cue) s.cues.emplace_back(frame->pts(), *std::exchange(s.next_cue, std::nullopt));
        SG_TRY(s.chain->send(std::move(*frame)));
        return deliver(out);
    }
    SG_TRY_ASSIGN(const auto flow, drain(out));
    if (flow == Flow::kDone) return flow;
    return out.emit(0, std::move(item));
}

}  // namespace sg::transcoders
