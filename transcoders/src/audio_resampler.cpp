#include "audio_resampler.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include <fmt/format.h>

#include <media_av/check.hpp>

namespace sg::transcoders {
namespace {

struct Layout {
    AVChannelLayout native{};
    explicit Layout(const std::string& name) {
        valid = av_channel_layout_from_string(&native, name.c_str()) == 0;
    }
    ~Layout() { av_channel_layout_uninit(&native); }
    Layout(const Layout&) = delete;
    Layout& operator=(const Layout&) = delete;
    bool valid = false;
};

/// One channel to two: both get it at full level, where the library would take 3 dB off.
Status keep_mono_level(SwrContext* context,
                       const AVChannelLayout& from,
                       const AVChannelLayout& to) {
    const bool mono_to_stereo = from.nb_channels == 1 && to.nb_channels == 2;
    if (!mono_to_stereo) return {};
    const double matrix[2] = {1.0, 1.0};
    return av::check(swr_set_matrix(context, matrix, 1), "setting up the sound converter");
}

}  // namespace

Result<AudioResampler> AudioResampler::create(const AudioFormat& from, const AudioFormat& to) {
    const auto attempted = fmt::format("converting sound from {} Hz {} {} to {} Hz {} {}",
                                       from.sample_rate,
                                       from.channel_layout,
                                       from.sample_format,
                                       to.sample_rate,
                                       to.channel_layout,
                                       to.sample_format);
    Layout in(from.channel_layout);
    Layout out(to.channel_layout);
    const auto in_format = av_get_sample_fmt(from.sample_format.c_str());
    const auto out_format = av_get_sample_fmt(to.sample_format.c_str());
    if (!in.valid || !out.valid || in_format == AV_SAMPLE_FMT_NONE ||
        out_format == AV_SAMPLE_FMT_NONE) {
        return Error{Errc::kUnsupported,
                     attempted + ": the channel layout or sample format is not known"};
    }
    AudioResampler resampler;
    resampler.to_ = to;
    SwrContext* raw = nullptr;
    const int rc = swr_alloc_set_opts2(&raw,
                                       &out.native,
                                       out_format,
                                       to.sample_rate,
                                       &in.native,
                                       in_format,
                                       from.sample_rate,
                                       0,
                                       nullptr);
    resampler.context_.reset(raw);
    SG_TRY(av::check(rc, attempted));
    av_opt_set_int(raw, "dither_method", SWR_DITHER_NONE, 0);
    av_opt_set_int(raw, "filter_size", 32, 0);
    av_opt_set_int(raw, "phase_shift", 10, 0);
    av_opt_set_int(raw, "linear_interp", 1, 0);
    av_opt_set_int(raw, "exact_rational", 1, 0);
    av_opt_set_double(raw, "cutoff", 0.97, 0);
    av_opt_set_double(raw, "rematrix_maxval", 1.0, 0);
    if (out.native.nb_channels != in.native.nb_channels)
        SG_TRY(keep_mono_level(raw, in.native, out.native));
    SG_TRY(av::check(swr_init(raw), attempted));
    return resampler;
}

Result<media::Frame> AudioResampler::convert(const AVFrame* frame) {
    auto* context = context_.get();
    const int in_samples = frame != nullptr ? frame->nb_samples : 0;
    const int most = std::max(swr_get_out_samples(context, in_samples), 0) + 64;
    SG_TRY_ASSIGN(auto out, audio_frame(to_, most, false));
    if (frame == nullptr && !started_) {
        out.native()->nb_samples = 0;
        return out;
    }
    started_ = true;
    const auto** input =
        frame != nullptr ? const_cast<const std::uint8_t**>(frame->extended_data) : nullptr;
    const int made = swr_convert(context, out.native()->extended_data, most, input, in_samples);
    SG_TRY(av::check(made, "converting sound"));
    out.native()->nb_samples = made;
    return out;
}

std::int64_t AudioResampler::inside() const {
    return swr_get_delay(context_.get(), to_.sample_rate);
}

Status AudioResampler::stretch(int samples, int distance) {
    return av::check(swr_set_compensation(context_.get(), samples, distance),
                     "correcting the drift of sound");
}

Result<media::Frame> audio_frame(const AudioFormat& format, int samples, bool silent) {
    media::Frame frame;
    auto* native = frame.native();
    native->sample_rate = format.sample_rate;
    native->format = av_get_sample_fmt(format.sample_format.c_str());
    native->nb_samples = samples;
    SG_TRY(
        av::check(av_channel_layout_from_string(&native->ch_layout, format.channel_layout.c_str()),
                  fmt::format("making a sound frame of layout {}", format.channel_layout)));
    SG_TRY(av::check(av_frame_get_buffer(native, 0), "making a sound frame"));
    if (silent) {
        av_samples_set_silence(native->extended_data,
                               0,
                               samples,
                               native->ch_layout.nb_channels,
                               static_cast<AVSampleFormat>(native->format));
    }
    return frame;
}

}  // namespace sg::transcoders
