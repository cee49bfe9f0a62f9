#include <algorithm>
#include <cstdlib>
#include <limits>
#include <optional>
#include <variant>

#include <fmt/format.h>

#include <media_av/check.hpp>
#include <transcoders/audio_conform_stage.hpp>
#include <transcoders/audio_encoder_stage.hpp>

#include "audio_resampler.hpp"
#include "frame_format.hpp"

namespace sg::transcoders {

using media::Frame;
using pipeline::Emit;
using pipeline::Flow;
using pipeline::Item;

namespace {

/// Deviations below this are jitter or drift; from here on sound is missing or there twice.
constexpr std::int64_t kJumpMs = 40;
/// A steady stream that steps by nearly a frame has lost one, even if that is shorter.
constexpr int kSteadyFrames = 8;
/// One that steps by so much and stays there has a seam. Drift comes slowly, jitter comes back.
constexpr std::int64_t kStepMs = 5;
constexpr int kStepFrames = 3 * kSteadyFrames;  ///< to settle in
constexpr int kSilenceFrame = 4096;

}  // namespace

struct AudioConformStage::State {
    AudioConformOptions options;
    AudioRepairReport own_report;
    AudioRepairReport* report = nullptr;
    AudioFormat target;

    media::StreamInfoPtr input;
    std::optional<AudioFormat> source;
    std::optional<AudioResampler> resampler;
    bool in_run = false;
    bool any = false;
    std::int64_t run_position = 0;  ///< where the run's next converted sample belongs
    std::int64_t position = 0;      ///< samples sent on

    // Drift, in output samples.
    double mean_deviation = 0;
    std::int64_t last_deviation = 0;
    int steady = 0;
    std::optional<std::int64_t> before_step;  ///< deviation before a step that may stay
    int since_step = 0;
    std::int64_t measured = 0;    ///< samples since the mean began
    std::int64_t correcting = 0;  ///< output samples until the stretch is done
    bool done = false;
    bool open_ended = false;

    [[nodiscard]] std::string what() const {
        return fmt::format("conforming the sound of \"{}\"", options.name);
    }
    [[nodiscard]] std::int64_t ms(std::int64_t value) const {
        return value * options.sample_rate / 1000;
    }
    void restart_drift() {
        mean_deviation = 0;
        last_deviation = 0;
        steady = 0;
        before_step.reset();
        measured = 0;
        correcting = 0;
    }
};

AudioConformStage::AudioConformStage(std::unique_ptr<State> state) : state_(std::move(state)) {}
AudioConformStage::~AudioConformStage() = default;

Result<AudioConformOptions> audio_conform_options(const pipeline::AudioRendition& rendition) {
    AudioConformOptions options;
    options.sample_rate = static_cast<int>(rendition.sample_rate);
    options.channel_layout = rendition.channel_layout;
    options.samples = rendition.samples;
    options.name = rendition.name;
    SG_TRY_ASSIGN(options.sample_format, encoder_sample_format(rendition.encoder.name));
    return options;
}

Result<std::unique_ptr<AudioConformStage>> AudioConformStage::create(AudioConformOptions options) {
    if (options.sample_rate < 1000 || options.sample_rate > 768000 || options.stretch_one_in < 1) {
        return Error{Errc::kInvalidArgument,
                     fmt::format("conforming the sound of \"{}\": {} samples at {} Hz cannot be",
                                 options.name,
                                 options.samples,
                                 options.sample_rate)};
    }
    auto state = std::make_unique<State>();
    state->open_ended = options.samples < 0;
    if (state->open_ended) options.samples = std::numeric_limits<std::int64_t>::max() / 8;
    state->target = {options.sample_rate, options.channel_layout, options.sample_format};
    SG_TRY(audio_frame(state->target, 1, false));
    state->report = options.report != nullptr ? options.report : &state->own_report;
    state->options = std::move(options);
    return std::unique_ptr<AudioConformStage>(new AudioConformStage(std::move(state)));
}

/// Sends samples on; run_position is where the first of them belongs.
Result<Flow> AudioConformStage::place(Frame frame, Emit& out) {
    auto& s = *state_;
    auto* native = frame.native();
    std::int64_t first = s.run_position;
    std::int64_t count = native->nb_samples;
    s.run_position += count;
    // The run may begin before zero, or before what has been sent already.
    std::int64_t skip = std::clamp<std::int64_t>(s.position - first, 0, count);
    if (first < 0) s.report->cut_before += std::min(-first, count);
    const auto overlap = skip - std::clamp<std::int64_t>(-first, 0, count);
    if (overlap > 0) s.report->overlap_dropped += overlap;
    const auto over = std::clamp<std::int64_t>(first + count - s.options.samples, 0, count - skip);
    s.report->cut_after += over;
    count -= skip + over;
    if (count <= 0) return s.position >= s.options.samples ? Flow::kDone : Flow::kContinue;
    if (skip > 0) {
        const auto bytes =
            static_cast<std::size_t>(skip) * static_cast<std::size_t>(av_get_bytes_per_sample(
                                                 static_cast<AVSampleFormat>(native->format)));
        const bool planar =
            av_sample_fmt_is_planar(static_cast<AVSampleFormat>(native->format)) != 0;
        const int planes = planar ? native->ch_layout.nb_channels : 1;
        const auto step =
            planar ? bytes : bytes * static_cast<std::size_t>(native->ch_layout.nb_channels);
        for (int i = 0; i < planes; ++i) native->extended_data[i] += step;
        if (native->extended_data != native->data) {
            for (int i = 0; i < std::min(planes, AV_NUM_DATA_POINTERS); ++i)
                native->data[i] = native->extended_data[i];
        }
    }
    native->nb_samples = static_cast<int>(count);
    frame.set_pts(s.position);
    s.position += count;
    SG_TRY_ASSIGN(const auto flow, out.emit(0, std::move(frame)));
    if (flow == Flow::kDone) return flow;
    return s.position >= s.options.samples ? Flow::kDone : Flow::kContinue;
}

Result<Flow> AudioConformStage::silence_until(std::int64_t at, Emit& out) {
    auto& s = *state_;
    const auto stop = std::min(at, s.options.samples);
    while (s.position < stop) {
        const auto count =
            static_cast<int>(std::min<std::int64_t>(kSilenceFrame, stop - s.position));
        SG_TRY_ASSIGN(auto frame, audio_frame(s.target, count, true));
        frame.set_pts(s.position);
        s.position += count;
        SG_TRY_ASSIGN(const auto flow, out.emit(0, std::move(frame)));
        if (flow == Flow::kDone) return flow;
    }
    return s.position >= s.options.samples ? Flow::kDone : Flow::kContinue;
}

/// A null frame drains the converter.
Result<Flow> AudioConformStage::convert(const Frame* frame, Emit& out) {
    auto& s = *state_;
    SG_TRY_ASSIGN(auto converted,
                  s.resampler->convert(frame != nullptr ? frame->native() : nullptr));
    if (converted.samples() == 0) return Flow::kContinue;
    s.correcting = std::max<std::int64_t>(0, s.correcting - converted.samples());
    return place(std::move(converted), out);
}

Result<Flow> AudioConformStage::end_run(Emit& out) {
    auto& s = *state_;
    if (!s.in_run) return Flow::kContinue;
    s.in_run = false;
    SG_TRY_ASSIGN(const auto flow, convert(nullptr, out));
    s.resampler.reset();
    return flow;
}

Result<Flow> AudioConformStage::start_run(std::int64_t at, Emit& out) {
    auto& s = *state_;
    SG_TRY_ASSIGN(s.resampler, AudioResampler::create(*s.source, s.target));
    const auto silent = std::min(at, s.options.samples) - s.position;
    if (silent > 0) {
        if (!s.any) {
            s.report->silence_before += silent;
        } else {
            ++s.report->gaps;
            s.report->silence_inserted += silent;
        }
    } else if (s.any && at < s.position) {
        ++s.report->overlaps;
    }
    s.in_run = true;
    s.any = true;
    s.run_position = at;
    s.restart_drift();
    return silence_until(at, out);
}

/// Times that wander away slowly are followed: the sound is stretched a little until it meets them
/// again.
Status AudioConformStage::correct_drift(std::int64_t deviation, std::int64_t samples) {
    auto& s = *state_;
    // Over about two seconds, so that rounded times average out.
    const double weight =
        std::min(1.0, static_cast<double>(samples) / (2.0 * s.options.sample_rate));
    const double early =
        s.measured > 0 ? static_cast<double>(samples) / static_cast<double>(s.measured + samples)
                       : 1.0;
    s.mean_deviation +=
        (static_cast<double>(deviation) - s.mean_deviation) * std::max(weight, early);
    s.measured += samples;
    if (s.correcting > 0 || s.measured < s.options.sample_rate) return {};
    const double limit = static_cast<double>(s.ms(2));
    if (std::abs(s.mean_deviation) < limit) return {};
    const auto amount = static_cast<int>(s.mean_deviation);
    // 0.5 % or 0.2 %, unless less is allowed.
    const int per = std::max(std::abs(amount) > s.ms(8) ? 200 : 500, s.options.stretch_one_in);
    const int distance = std::abs(amount) * per;
    SG_TRY(s.resampler->stretch(amount, distance));
    s.correcting = distance;
    s.mean_deviation = 0;
    s.measured = 0;
    s.report->stretched += amount;
    return {};
}

Result<Flow> AudioConformStage::take(Frame frame, Emit& out) {
    auto& s = *state_;
    const auto* native = frame.native();
    if (native->nb_samples <= 0 || native->sample_rate <= 0) return Flow::kContinue;
    const AudioFormat format{
        native->sample_rate, layout_name(native->ch_layout), sample_format_name(native->format)};
    if (!s.source || *s.source != format) {
        if (s.source) ++s.report->format_changes;
        SG_TRY_ASSIGN(const auto flow, end_run(out));
        if (flow == Flow::kDone) return flow;
        s.source = format;
    }
    const auto length = media::rescale(native->nb_samples,
                                       {1, format.sample_rate},
                                       {1, s.target.sample_rate},
                                       media::Rounding::kNearest);
    const bool timed = frame.pts() != media::kNoTime;
    const auto at = timed ? media::rescale(frame.pts(),
                                           media::kNanoseconds,
                                           {1, s.target.sample_rate},
                                           media::Rounding::kNearest)
                          : s.run_position;
    // What a whole film behind the end is worth nothing, and hostile times must not overflow what
    // follows.
    constexpr std::int64_t kFar = std::numeric_limits<std::int64_t>::max() / 4;
    if (at > kFar || at < -kFar) return Flow::kContinue;

    if (s.in_run && timed) {
        const auto deviation = at - (s.run_position + s.resampler->inside());
        const auto step = deviation - s.last_deviation;
        const bool lost_one = s.steady >= kSteadyFrames && s.correcting == 0 &&
                              length >= s.ms(15) && step * 10 >= length * 9;
        const bool stepped = s.before_step && s.steady >= kSteadyFrames &&
                             std::abs(deviation - *s.before_step) >= s.ms(kStepMs);
        if (std::abs(deviation) >= s.ms(kJumpMs) || lost_one || stepped) {
            SG_TRY_ASSIGN(const auto flow, end_run(out));
            if (flow == Flow::kDone) return flow;
        } else {
            if (std::abs(step) > s.ms(2) && !s.before_step) {
                s.before_step = s.last_deviation;
                s.since_step = 0;
            } else if (s.before_step && ++s.since_step > kStepFrames) {
                s.before_step.reset();
            }
            s.steady = std::abs(step) <= s.ms(2) ? s.steady + 1 : 0;
            s.last_deviation = deviation;
            if (!s.before_step) SG_TRY(correct_drift(deviation, length));
        }
    }
    if (!s.in_run) {
        // A small seam between two runs is a change of format, not a gap: keep the samples joined.
        const bool joined = s.any && std::abs(at - s.position) < s.ms(2);
        SG_TRY_ASSIGN(const auto flow, start_run(joined ? s.position : at, out));
        if (flow == Flow::kDone) return flow;
    }
    return convert(&frame, out);
}

/// Others have come this far without sound.
Result<Flow> AudioConformStage::tick(const Item& item, Emit& out) {
    auto& s = *state_;
    const auto* time = std::get_if<media::Packet>(&item);
    if (time == nullptr || s.input == nullptr) return Flow::kContinue;
    const auto at = media::rescale(
        time->pts(), media::kNanoseconds, {1, s.target.sample_rate}, media::Rounding::kNearest);
    if (at <= s.position) return Flow::kContinue;
    SG_TRY_ASSIGN(const auto flow, end_run(out));
    if (flow == Flow::kDone) return flow;
    s.report->silence_inserted += std::max<std::int64_t>(0, at - s.position);
    s.any = true;
    return silence_until(at, out);
}

Result<Flow> AudioConformStage::process(int port, Item item, Emit& out) {
    if (port == kClockPort) return tick(item, out);
    auto& s = *state_;
    Result<Flow> flow = Flow::kContinue;
    if (const auto* start = std::get_if<pipeline::StreamStart>(&item)) {
        if (s.input != nullptr) return Flow::kContinue;  // frames say themselves what they are
        s.input = start->info;
        auto info = std::make_shared<media::StreamInfo>(*s.input);
        info->timebase = {1, s.target.sample_rate};
        info->sample_rate = s.target.sample_rate;
        info->channel_layout = s.target.channel_layout;
        info->sample_format = s.target.sample_format;
        AVChannelLayout layout{};
        av_channel_layout_from_string(&layout, s.target.channel_layout.c_str());
        info->channels = layout.nb_channels;
        av_channel_layout_uninit(&layout);
        return out.emit(0, pipeline::StreamStart{std::move(info)});
    }
    if (auto* frame = std::get_if<Frame>(&item)) {
        flow = take(std::move(*frame), out);
    } else if (std::holds_alternative<pipeline::EndOfStream>(item)) {
        if (s.open_ended) {
            SG_TRY(end_run(out));
            SG_TRY(out.emit(0, pipeline::EndOfStream{}));
            return Flow::kDone;
        }
        if (!s.any && s.options.samples > 0) {
            return Error{Errc::kBadData,
                         s.what() + ": no sound could be decoded; the source is damaged or empty"};
        }
        flow = end_run(out);
        if (flow && *flow == Flow::kContinue) {
            s.report->silence_after += std::max<std::int64_t>(0, s.options.samples - s.position);
            flow = silence_until(s.options.samples, out);
        }
    } else if (std::holds_alternative<pipeline::Discontinuity>(item)) {
        // What follows stands where its time says at once, however near that is.
        flow = end_run(out);
    } else {
        return Flow::kContinue;
    }
    if (!flow || *flow == Flow::kContinue) return flow;
    // All samples are out, or nobody wants more.
    if (s.position >= s.options.samples && !s.done) {
        s.done = true;
        SG_TRY(out.emit(0, pipeline::EndOfStream{}));
    }
    return Flow::kDone;
}

}  // namespace sg::transcoders
