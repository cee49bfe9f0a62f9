#include <limits>
#include <memory>
#include <variant>

#include <fmt/format.h>

#include <media_av/check.hpp>
#include <transcoders/audio_encoder_stage.hpp>
#include <transcoders/encoder_settings.hpp>

#include "audio_resampler.hpp"
#include "open_encoder.hpp"

namespace sg::transcoders {

using media::Frame;
using media::Packet;
using pipeline::Emit;
using pipeline::Flow;
using pipeline::Item;

namespace {

struct FreeFifo {
    void operator()(AVAudioFifo* fifo) const { av_audio_fifo_free(fifo); }
};

}  // namespace

struct AudioEncoderStage::State {
    AudioEncoderOptions options;
    AudioFormat format;
    av::CodecContextPtr context;
    std::unique_ptr<AVAudioFifo, FreeFifo> fifo;
    media::StreamInfo described;
    bool announced = false;
    std::int64_t fed = 0;  ///< samples given to the encoder
    std::int64_t packets = 0;
    std::int64_t packets_due = 0;

    [[nodiscard]] std::string what() const { return fmt::format("encoding \"{}\"", options.name); }

    [[nodiscard]] media::StreamInfoPtr encoded_info() const {
        auto info = std::make_shared<media::StreamInfo>(described);
        info->type = media::MediaType::kAudio;
        info->codec = options.codec;
        info->codec_detail = avcodec_get_name(context->codec_id);
        info->timebase = {1, options.sample_rate};
        info->extradata = extradata_of(*context);
        info->sample_rate = options.sample_rate;
        info->channels = context->ch_layout.nb_channels;
        info->channel_layout = options.channel_layout;
        info->sample_format = format.sample_format;
        info->frame_samples = static_cast<int>(options.frame_samples);
        info->priming_samples = static_cast<int>(options.priming);
        info->bitrate = context->bit_rate;
        return info;
    }
};

AudioEncoderStage::AudioEncoderStage(std::unique_ptr<State> state) : state_(std::move(state)) {}
AudioEncoderStage::~AudioEncoderStage() = default;

Result<std::string> encoder_sample_format(const std::string& encoder) {
    constexpr std::pair<const char*, const char*> kFormats[] = {{"aac", "fltp"},
                                                                {"libopus", "flt"},
                                                                {"ac3", "fltp"},
                                                                {"eac3", "fltp"},
                                                                {"flac", "s32"},
                                                                {"libmp3lame", "fltp"}};
    for (const auto& [name, format] : kFormats) {
        if (encoder == name) return std::string(format);
    }
    return Error{Errc::kUnsupported,
                 fmt::format("encoding sound: {} is not an encoder we use", encoder)};
}

std::int64_t audio_frame_count(std::int64_t samples,
                               std::int64_t priming,
                               std::int64_t frame_samples) {
    if (frame_samples <= 0 || samples <= 0) return 0;
    return (samples + priming + frame_samples - 1) / frame_samples;
}

AudioEncoderOptions audio_encoder_options(const pipeline::AudioRendition& rendition) {
    AudioEncoderOptions options;
    options.codec = rendition.codec;
    options.settings = rendition.encoder;
    options.sample_rate = static_cast<int>(rendition.sample_rate);
    options.channel_layout = rendition.channel_layout;
    options.frame_samples = rendition.frame_samples;
    options.priming = rendition.priming;
    options.samples = rendition.samples;
    options.name = rendition.name;
    return options;
}

Result<std::unique_ptr<AudioEncoderStage>> AudioEncoderStage::create(AudioEncoderOptions options) {
    auto state = std::make_unique<State>();
    state->options = std::move(options);
    std::unique_ptr<AudioEncoderStage> stage(new AudioEncoderStage(std::move(state)));
    SG_TRY(stage->open());
    return stage;
}

Status AudioEncoderStage::open() {
    auto& s = *state_;
    const auto& o = s.options;
    if (o.sample_rate < 1 || o.frame_samples < 1 || o.priming < 0) {
        return Error{Errc::kInvalidArgument,
                     s.what() + ": the plan's sound format is out of range"};
    }
    SG_TRY_ASSIGN(s.format.sample_format, encoder_sample_format(o.settings.name));
    s.format.sample_rate = o.sample_rate;
    s.format.channel_layout = o.channel_layout;
    SG_TRY_ASSIGN(s.context, new_encoder(o.settings.name, s.what()));
    auto& c = *s.context;
    c.sample_rate = o.sample_rate;
    c.sample_fmt = av_get_sample_fmt(s.format.sample_format.c_str());
    c.time_base = {1, o.sample_rate};
    c.thread_count = 1;
    c.flags |= AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_BITEXACT;
    if (s.format.sample_format == "s32") c.bits_per_raw_sample = 24;
    if (av_channel_layout_from_string(&c.ch_layout, o.channel_layout.c_str()) != 0) {
        return Error{
            Errc::kInvalidArgument,
            fmt::format("{}: there is no channel layout \"{}\"", s.what(), o.channel_layout)};
    }
    SG_TRY(open_encoder(c, o.settings, s.what()));
    if (c.frame_size != o.frame_samples || c.initial_padding != o.priming) {
        return Error{Errc::kMismatch,
                     fmt::format("{}: {} makes frames of {} samples with a delay of {}, the plan "
                                 "has {} and {}; plan again with "
                                 "this version",
                                 s.what(),
                                 o.settings.name,
                                 c.frame_size,
                                 c.initial_padding,
                                 o.frame_samples,
                                 o.priming)};
    }
    s.packets_due = o.samples < 0 ? std::numeric_limits<std::int64_t>::max()
                                  : audio_frame_count(o.samples, o.priming, o.frame_samples);
    s.fifo.reset(av_audio_fifo_alloc(c.sample_fmt, c.ch_layout.nb_channels, 2 * c.frame_size));
    if (s.fifo == nullptr) return Error{Errc::kLimit, s.what() + ": out of memory"};
    return {};
}

/// A null frame drains.
Result<Flow> AudioEncoderStage::encode(const Frame* frame, Emit& out) {
    auto& s = *state_;
    SG_TRY(
        av::check(avcodec_send_frame(s.context.get(), frame != nullptr ? frame->native() : nullptr),
                  s.what()));
    while (true) {
        Packet packet;
        auto* native = packet.native();
        const int rc = avcodec_receive_packet(s.context.get(), native);
        if (rc == AVERROR(EAGAIN) || rc == AVERROR_EOF) return Flow::kContinue;
        SG_TRY(av::check(rc, s.what()));
        if (native->size == 0 || s.packets >= s.packets_due) continue;  // only padding is left
        if (!s.announced) {
            s.announced = true;
            SG_TRY_ASSIGN(const auto flow, out.emit(0, pipeline::StreamStart{s.encoded_info()}));
            if (flow == Flow::kDone) return flow;
        }
        native->pts = s.packets * s.options.frame_samples - s.options.priming;
        native->dts = native->pts;
        native->duration = s.options.frame_samples;
        native->stream_index = s.described.index;
        native->flags |= AV_PKT_FLAG_KEY;
        // Padding is cut by the timeline, not by the decoder.
        av_packet_free_side_data(native);
        ++s.packets;
        SG_TRY_ASSIGN(const auto flow, out.emit(0, std::move(packet)));
        if (flow == Flow::kDone) return flow;
    }
}

Result<Flow> AudioEncoderStage::encode_ready(Emit& out) {
    auto& s = *state_;
    const auto size = static_cast<int>(s.options.frame_samples);
    while (av_audio_fifo_size(s.fifo.get()) >= size) {
        SG_TRY_ASSIGN(auto frame, audio_frame(s.format, size, false));
        const int read = av_audio_fifo_read(
            s.fifo.get(), reinterpret_cast<void**>(frame.native()->extended_data), size);
        if (read != size) return Error{Errc::kInternal, s.what() + ": the sample queue broke"};
        frame.set_pts(s.fed);
        s.fed += size;
        SG_TRY_ASSIGN(const auto flow, encode(&frame, out));
        if (flow == Flow::kDone) return flow;
    }
    return Flow::kContinue;
}

Result<Flow> AudioEncoderStage::finish(Emit& out) {
    auto& s = *state_;
    if (s.options.samples < 0) {
        const auto came = s.fed + av_audio_fifo_size(s.fifo.get());
        s.packets_due = audio_frame_count(came, s.options.priming, s.options.frame_samples);
    }
    // Enough silence that the last presented sample comes out of a decoder: encoders without a
    // drain need all of it.
    const auto whole = s.packets_due * s.options.frame_samples;
    while (s.fed + av_audio_fifo_size(s.fifo.get()) < whole) {
        const auto missing = whole - s.fed - av_audio_fifo_size(s.fifo.get());
        const auto count = static_cast<int>(std::min(missing, s.options.frame_samples));
        SG_TRY_ASSIGN(auto silence, audio_frame(s.format, count, true));
        if (av_audio_fifo_write(s.fifo.get(),
                                reinterpret_cast<void**>(silence.native()->extended_data),
                                count) < count) {
            return Error{Errc::kLimit, s.what() + ": out of memory"};
        }
        SG_TRY_ASSIGN(const auto flow, encode_ready(out));
        if (flow == Flow::kDone) return flow;
    }
    SG_TRY_ASSIGN(const auto flow, encode(nullptr, out));
    if (flow == Flow::kDone) return flow;
    if (s.packets != s.packets_due) {
        return Error{Errc::kMismatch,
                     fmt::format("{}: {} made {} frames, the plan has {}",
                                 s.what(),
                                 s.options.settings.name,
                                 s.packets,
                                 s.packets_due)};
    }
    return out.emit(0, pipeline::EndOfStream{});
}

Result<Flow> AudioEncoderStage::process(int, Item item, Emit& out) {
    auto& s = *state_;
    if (const auto* start = std::get_if<pipeline::StreamStart>(&item)) {
        s.described = *start->info;
        return Flow::kContinue;
    }
    if (const auto* frame = std::get_if<Frame>(&item)) {
        auto* native = frame->native();
        if (native->format != s.context->sample_fmt ||
            native->ch_layout.nb_channels != s.context->ch_layout.nb_channels) {
            return Error{Errc::kInternal,
                         s.what() + ": samples of another format came than planned"};
        }
        if (av_audio_fifo_write(s.fifo.get(),
                                reinterpret_cast<void**>(native->extended_data),
                                native->nb_samples) < native->nb_samples) {
            return Error{Errc::kLimit, s.what() + ": out of memory"};
        }
        return encode_ready(out);
    }
    if (std::holds_alternative<pipeline::EndOfStream>(item)) return finish(out);
    return out.emit(0, std::move(item));
}

}  // namespace sg::transcoders
