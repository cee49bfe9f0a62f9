#include <algorithm>
#include <limits>
#include <optional>
#include <variant>

#include <fmt/format.h>

#include <media_av/compat.hpp>
#include <transcoders/conform_rate_stage.hpp>

namespace sg::transcoders {

using media::Frame;
using pipeline::Emit;
using pipeline::Flow;
using pipeline::Item;

struct ConformRateStage::State {
    ConformRateOptions options;
    ConformRateReport own_report;
    ConformRateReport* report = nullptr;
    std::optional<Frame> held;
    std::int64_t held_start = 0;
    bool held_shown = false;
    std::int64_t next = 0;

    [[nodiscard]] bool live() const { return options.gop_ns > 0; }
    [[nodiscard]] std::int64_t end() const {
        if (live()) return std::numeric_limits<std::int64_t>::max();
        return options.first_frame + options.frames;
    }

    /// The GOP that a frame, counted from the first one, lies in.
    [[nodiscard]] std::int64_t gop_of(std::int64_t n) const {
        const auto& rate = options.grid.rate;
        return media::mul_div(
            n * rate.den, 1'000'000'000, rate.num * options.gop_ns, media::Rounding::kDown);
    }
    [[nodiscard]] std::optional<pipeline::Cue> live_cue(std::int64_t number) const {
        const auto n = number - options.first_frame;
        if (n % options.gop_step != 0) return std::nullopt;
        const auto gop = gop_of(n);
        if (n > 0 && gop == gop_of(n - options.gop_step)) return std::nullopt;
        return pipeline::Cue{gop % options.segment_gops == 0 ? pipeline::Cue::Kind::kSegmentStart
                                                             : pipeline::Cue::Kind::kGopStart};
    }

    [[nodiscard]] std::optional<pipeline::Cue> cue(std::int64_t n) {
        if (live()) return live_cue(n);
        const auto& starts = options.segment_starts;
        const auto at = std::upper_bound(starts.begin(), starts.end(), n);
        const auto start = at == starts.begin() ? 0 : *(at - 1);
        if (start == n) return pipeline::Cue{pipeline::Cue::Kind::kSegmentStart};
        if (options.gop_frames > 0 && (n - start) % options.gop_frames == 0) {
            return pipeline::Cue{pipeline::Cue::Kind::kGopStart};
        }
        if (n == options.first_frame) return pipeline::Cue{pipeline::Cue::Kind::kGopStart};
        return std::nullopt;
    }
};

ConformRateStage::ConformRateStage(std::unique_ptr<State> state) : state_(std::move(state)) {}
ConformRateStage::~ConformRateStage() = default;

Result<std::unique_ptr<ConformRateStage>> ConformRateStage::create(ConformRateOptions options) {
    const bool live = options.gop_ns > 0 && options.gop_step > 0 && options.segment_gops > 0;
    if (!options.grid.rate.positive() || (options.frames < 1 && !live) || options.first_frame < 0) {
        return Error{
            Errc::kInvalidArgument,
            fmt::format("conforming the frame rate: {} frames from {} at {} frames/s cannot be",
                        options.frames,
                        options.first_frame,
                        media::to_string(options.grid.rate))};
    }
    auto state = std::make_unique<State>();
    state->next = options.first_frame;
    state->options = std::move(options);
    std::sort(state->options.segment_starts.begin(), state->options.segment_starts.end());
    state->report = state->options.report != nullptr ? state->options.report : &state->own_report;
    return std::unique_ptr<ConformRateStage>(new ConformRateStage(std::move(state)));
}

Result<Flow> ConformRateStage::hold_until(std::int64_t n, Emit& out) {
    auto& s = *state_;
    const auto stop = std::min(n, s.end());
    while (s.next < stop) {
        Frame frame = s.held->share();
        auto* native = frame.native();
        frame.set_pts(s.next);
        av::set_frame_duration(native, 1);
        if (s.held_shown) {
            ++s.report->duplicated;
            av_frame_remove_side_data(native, AV_FRAME_DATA_A53_CC);
        }
        s.held_shown = true;
        const auto cue = s.cue(s.next);
        ++s.next;
        ++s.report->frames;
        if (cue) {
            SG_TRY_ASSIGN(const auto flow, out.emit(0, *cue));
            if (flow == Flow::kDone) return flow;
        }
        SG_TRY_ASSIGN(const auto flow, out.emit(0, std::move(frame)));
        if (flow == Flow::kDone) return flow;
    }
    return Flow::kContinue;
}

Result<Flow> ConformRateStage::finish(Emit& out) {
    SG_TRY(out.emit(0, pipeline::EndOfStream{}));
    return Flow::kDone;
}

/// Others have come this far without a picture.
Result<Flow> ConformRateStage::tick(const Item& item, Emit& out) {
    auto& s = *state_;
    const auto* time = std::get_if<media::Packet>(&item);
    if (time == nullptr || !s.held) return Flow::kContinue;
    return hold_until(s.options.grid.first_frame_showing(time->pts()), out);
}

Result<Flow> ConformRateStage::process(int port, Item item, Emit& out) {
    auto& s = *state_;
    if (port == kClockPort) return tick(item, out);
    if (const auto* start = std::get_if<pipeline::StreamStart>(&item)) {
        auto info = std::make_shared<media::StreamInfo>(*start->info);
        info->timebase = s.options.grid.rate.inverse();
        info->frame_rate = s.options.grid.rate;
        return out.emit(0, pipeline::StreamStart{std::move(info)});
    }
    if (auto* frame = std::get_if<Frame>(&item)) {
        if (frame->pts() == media::kNoTime) return Flow::kContinue;
        const auto starts = s.options.grid.first_frame_showing(frame->pts());
        if (s.held && starts < s.held_start) {
            ++s.report->dropped;  // times that run backwards: what was shown stays shown
            return Flow::kContinue;
        }
        if (s.held) {
            SG_TRY_ASSIGN(const auto flow, hold_until(starts, out));
            if (flow == Flow::kDone) return flow;
            if (!s.held_shown && s.held_start >= s.options.first_frame) ++s.report->dropped;
            if (s.next >= s.end()) return finish(out);
        }
        s.held = std::move(*frame);
        s.held_start = starts;
        s.held_shown = false;
        return Flow::kContinue;
    }
    if (std::holds_alternative<pipeline::EndOfStream>(item)) {
        if (s.live()) {
            if (s.held && !s.held_shown) SG_TRY(hold_until(s.held_start + 1, out));
            return finish(out);
        }
        if (!s.held) {
            return Error{Errc::kBadData,
                         fmt::format("conforming the frame rate: no picture could be decoded for "
                                     "frames {} to {}; the source is "
                                     "damaged there",
                                     s.options.first_frame,
                                     s.end() - 1)};
        }
        SG_TRY_ASSIGN(const auto flow, hold_until(s.end(), out));
        if (flow == Flow::kDone) return flow;
        return finish(out);
    }
    return Flow::kContinue;
}

}  // namespace sg::transcoders
