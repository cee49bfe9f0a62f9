#include <cstring>
#include <optional>
#include <variant>

#include <fmt/format.h>

#include <base/log.hpp>
#include <media_av/check.hpp>
#include <media_av/compat.hpp>
#include <media_av/ptrs.hpp>
#include <transcoders/decoder_stage.hpp>

#include "frame_format.hpp"

namespace sg::transcoders {

using media::Frame;
using media::Packet;
using pipeline::Emit;
using pipeline::Flow;
using pipeline::Item;

struct DecoderStage::State {
    DecoderOptions options;
    DecodeReport own_report;
    DecodeReport* report = nullptr;
    av::CodecContextPtr context;
    media::StreamInfoPtr input;
    std::optional<media::StreamInfo> announced;
    std::int64_t next_time = media::kNoTime;

    [[nodiscard]] bool video() const {
        return input != nullptr && input->type == media::MediaType::kVideo;
    }
    [[nodiscard]] std::string what() const {
        return fmt::format(
            "decoding {} stream {}", media::media_type_name(input->type), input->index);
    }
};

namespace {

AVCodecID codec_of(const media::StreamInfo& info) {
    if (!info.codec_detail.empty()) {
        const auto* descriptor = avcodec_descriptor_get_by_name(info.codec_detail.c_str());
        if (descriptor != nullptr) return descriptor->id;
    }
    return av::codec_to_av(info.codec);
}

Status fill_context(AVCodecContext& context, const media::StreamInfo& info) {
    if (!info.extradata.empty()) {
        const auto size = info.extradata.size();
        context.extradata =
            static_cast<std::uint8_t*>(av_mallocz(size + AV_INPUT_BUFFER_PADDING_SIZE));
        if (context.extradata == nullptr)
            return Error{Errc::kLimit, "opening a decoder: out of memory"};
        std::memcpy(context.extradata, info.extradata.data(), size);
        context.extradata_size = static_cast<int>(size);
    }
    context.pkt_timebase = av::to_av(info.timebase);
    context.codec_tag = info.codec_tag;
    context.bits_per_coded_sample = info.bits_per_coded_sample;
    context.bit_rate = info.bitrate;
    context.profile = info.profile;
    context.level = info.level;
    if (info.type == media::MediaType::kVideo) {
        context.width = info.width;
        context.height = info.height;
        if (!info.pixel_format.empty()) context.pix_fmt = av_get_pix_fmt(info.pixel_format.c_str());
        context.color_primaries = static_cast<AVColorPrimaries>(info.colour.primaries);
        context.color_trc = static_cast<AVColorTransferCharacteristic>(info.colour.transfer);
        context.colorspace = static_cast<AVColorSpace>(info.colour.matrix);
        if (info.colour.full_range) context.color_range = AVCOL_RANGE_JPEG;
        return {};
    }
    context.block_align = info.block_align;
    context.sample_rate = info.sample_rate;
    if (!info.channel_layout.empty() &&
        av_channel_layout_from_string(&context.ch_layout, info.channel_layout.c_str()) == 0 &&
        context.ch_layout.nb_channels == info.channels) {
        return {};
    }
    av_channel_layout_uninit(&context.ch_layout);
    if (info.channels > 0) av_channel_layout_default(&context.ch_layout, info.channels);
    return {};
}

}  // namespace

DecoderStage::DecoderStage(const DecoderOptions& options) : state_(std::make_unique<State>()) {
    state_->options = options;
    state_->report = options.report != nullptr ? options.report : &state_->own_report;
}
DecoderStage::~DecoderStage() = default;

Result<std::unique_ptr<DecoderStage>> DecoderStage::create(const DecoderOptions& options) {
    if (options.threads < 1 || options.threads > 64) {
        return Error{Errc::kInvalidArgument,
                     fmt::format("creating a decoder: {} threads; give 1 to 64", options.threads)};
    }
    return std::unique_ptr<DecoderStage>(new DecoderStage(options));
}

Status DecoderStage::open(media::StreamInfoPtr info) {
    auto& s = *state_;
    s.input = std::move(info);
    const auto id = codec_of(*s.input);
    const AVCodec* codec = id == AV_CODEC_ID_NONE ? nullptr : avcodec_find_decoder(id);
    if (codec == nullptr) {
        const std::string name = s.input->codec_detail.empty()
                                     ? std::string(media::codec_name(s.input->codec))
                                     : s.input->codec_detail;
        return Error{Errc::kUnsupported,
                     fmt::format("{}: there is no decoder for {}", s.what(), name)};
    }
    s.context.reset(avcodec_alloc_context3(codec));
    if (s.context == nullptr) return Error{Errc::kLimit, s.what() + ": out of memory"};
    SG_TRY(fill_context(*s.context, *s.input));
    s.context->thread_count = s.options.threads;
    s.context->max_pixels = s.options.max_pixels;
    return av::check(avcodec_open2(s.context.get(), codec, nullptr),
                     fmt::format("{}: opening {}", s.what(), codec->name));
}

Status DecoderStage::count_error(int rc) {
    auto& s = *state_;
    if (rc == AVERROR(ENOMEM)) return av::av_error(rc, s.what());
    ++s.report->errors;
    if (s.options.errors_allowed >= 0 && s.report->errors > s.options.errors_allowed) {
        return Error{Errc::kBadData,
                     fmt::format("{}: {} packets are damaged and {} are allowed; repair the source "
                                 "or allow more decode "
                                 "errors",
                                 s.what(),
                                 s.report->errors,
                                 s.options.errors_allowed)};
    }
    return {};
}

Result<Flow> DecoderStage::deliver(Frame frame, Emit& out) {
    auto& s = *state_;
    auto& native = *frame.native();
    auto time =
        native.best_effort_timestamp != AV_NOPTS_VALUE ? native.best_effort_timestamp : native.pts;
    if (time == AV_NOPTS_VALUE) {
        time = s.next_time != media::kNoTime ? s.next_time : 0;
        ++s.report->guessed_times;
    }
    frame.set_pts(time);
    auto duration = av::frame_duration(&native);
    if (s.video()) {
        if (duration <= 0 && s.input->frame_rate.positive()) {
            duration = media::rescale(
                1, s.input->frame_rate.inverse(), s.input->timebase, media::Rounding::kNearest);
        }
        normalise_range(native);
    } else if (native.sample_rate > 0) {
        duration = media::rescale(native.nb_samples,
                                  {1, native.sample_rate},
                                  s.input->timebase,
                                  media::Rounding::kNearest);
        if (native.ch_layout.order == AV_CHANNEL_ORDER_UNSPEC) {
            const int channels = native.ch_layout.nb_channels;
            av_channel_layout_uninit(&native.ch_layout);
            av_channel_layout_default(&native.ch_layout, channels);
        }
    }
    s.next_time = time + duration;
    if (s.options.drop_before_ns != media::kNoTime &&
        media::rescale(time, s.input->timebase, media::kNanoseconds, media::Rounding::kNearest) <
            s.options.drop_before_ns) {
        ++s.report->leading;
        return Flow::kContinue;
    }
    if ((native.flags & AV_FRAME_FLAG_CORRUPT) != 0 || native.decode_error_flags != 0)
        ++s.report->corrupt;

    auto format = raw_info(*s.input, native);
    if (!s.announced || !same_format(*s.announced, format)) {
        s.announced = format;
        SG_TRY_ASSIGN(const auto flow,
                      out.emit(0,
                               pipeline::StreamStart{
                                   std::make_shared<const media::StreamInfo>(std::move(format))}));
        if (flow == Flow::kDone) return flow;
    }
    ++s.report->frames;
    return out.emit(0, std::move(frame));
}

/// A null packet drains.
Result<Flow> DecoderStage::decode(const Packet* packet, Emit& out) {
    auto& s = *state_;
    const AVPacket* native = packet != nullptr ? packet->native() : nullptr;
    bool sent = false;
    // A decoder that keeps saying "not yet" on both sides is broken; so is one that fails for ever
    // while draining.
    for (int stalls = 0; stalls < 64;) {
        if (!sent) {
            const int rc = avcodec_send_packet(s.context.get(), native);
            if (rc != AVERROR(EAGAIN)) {
                sent = true;
                if (rc < 0 && rc != AVERROR_EOF) SG_TRY(count_error(rc));
            }
        }
        Frame frame;
        const int rc = avcodec_receive_frame(s.context.get(), frame.native());
        if (rc == 0) {
            stalls = 0;
            SG_TRY_ASSIGN(const auto flow, deliver(std::move(frame), out));
            if (flow == Flow::kDone) return flow;
            continue;
        }
        if (rc == AVERROR_EOF || (rc == AVERROR(EAGAIN) && sent)) return Flow::kContinue;
        ++stalls;
        if (rc != AVERROR(EAGAIN)) SG_TRY(count_error(rc));
    }
    return Flow::kContinue;
}

Result<Flow> DecoderStage::process(int, Item item, Emit& out) {
    auto& s = *state_;
    if (const auto* start = std::get_if<pipeline::StreamStart>(&item)) {
        if (s.context != nullptr) {
            SG_TRY_ASSIGN(const auto flow, decode(nullptr, out));
            if (flow == Flow::kDone) return flow;
        }
        SG_TRY(open(start->info));
        return Flow::kContinue;
    }
    if (const auto* packet = std::get_if<Packet>(&item)) {
        if (s.context == nullptr) {
            return Error{Errc::kInternal,
                         "decoding: a packet came before its stream was described"};
        }
        // An empty packet would be taken for the end of the stream.
        if (packet->bytes() == 0) return Flow::kContinue;
        return decode(packet, out);
    }
    if (std::holds_alternative<pipeline::Discontinuity>(item)) {
        if (s.context != nullptr) {
            SG_TRY_ASSIGN(const auto flow, decode(nullptr, out));
            if (flow == Flow::kDone) return flow;
            avcodec_flush_buffers(s.context.get());
            s.next_time = media::kNoTime;
        }
        return out.emit(0, std::move(item));
    }
    if (std::holds_alternative<pipeline::EndOfStream>(item)) {
        if (s.context != nullptr) {
            SG_TRY_ASSIGN(const auto flow, decode(nullptr, out));
            if (flow == Flow::kDone) return flow;
        }
        return out.emit(0, std::move(item));
    }
    return out.emit(0, std::move(item));
}

}  // namespace sg::transcoders
