#include <set>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include <media_av/check.hpp>
#include <media_av/compat.hpp>
#include <transcoders/video_encoder_stage.hpp>

#include "frame_format.hpp"
#include "open_encoder.hpp"

namespace sg::transcoders {

using media::Frame;
using media::Packet;
using pipeline::Emit;
using pipeline::Flow;
using pipeline::Item;

struct VideoEncoderStage::State {
    VideoEncoderOptions options;
    av::CodecContextPtr context;
    media::StreamInfo
        described;  ///< what is known of the stream beside the plan: its number, its HDR figures
    bool announced = false;
    bool cued = false;
    std::set<std::int64_t> keys_due;
    std::int64_t frames = 0;
    std::int64_t packets = 0;

    [[nodiscard]] std::string what() const { return fmt::format("encoding \"{}\"", options.name); }

    [[nodiscard]] media::StreamInfoPtr encoded_info() const {
        auto info = std::make_shared<media::StreamInfo>(described);
        info->type = media::MediaType::kVideo;
        info->codec = options.codec;
        info->codec_detail = avcodec_get_name(context->codec_id);
        info->timebase = media::reduced(options.frame_rate.inverse());
        info->extradata = extradata_of(*context);
        info->width = static_cast<int>(options.width);
        info->height = static_cast<int>(options.height);
        info->pixel_format = options.pixel_format;
        info->sar = options.sar;
        info->frame_rate = options.frame_rate;
        info->colour = options.colour;
        if (!options.colour.hdr()) {
            info->has_mastering_display = false;
            info->has_content_light = false;
        }
        return info;
    }
};

VideoEncoderStage::VideoEncoderStage(std::unique_ptr<State> state) : state_(std::move(state)) {}
VideoEncoderStage::~VideoEncoderStage() = default;

VideoEncoderOptions video_encoder_options(const pipeline::VideoRendition& rendition,
                                          std::int64_t expected_frames) {
    VideoEncoderOptions options;
    options.codec = rendition.codec;
    options.settings = rendition.encoder;
    options.width = rendition.width;
    options.height = rendition.height;
    options.sar = rendition.sar;
    options.frame_rate = rendition.frame_rate;
    options.pixel_format = rendition.pixel_format;
    options.colour = rendition.colour;
    options.expected_frames = expected_frames;
    options.name = rendition.name;
    return options;
}

Result<std::unique_ptr<VideoEncoderStage>> VideoEncoderStage::create(VideoEncoderOptions options) {
    auto state = std::make_unique<State>();
    state->options = std::move(options);
    std::unique_ptr<VideoEncoderStage> stage(new VideoEncoderStage(std::move(state)));
    SG_TRY(stage->open());
    return stage;
}

Status VideoEncoderStage::open() {
    auto& s = *state_;
    const auto& o = s.options;
    const auto format = av_get_pix_fmt(o.pixel_format.c_str());
    if (o.width < 2 || o.height < 2 || !o.frame_rate.positive() || format == AV_PIX_FMT_NONE) {
        return Error{Errc::kInvalidArgument,
                     fmt::format("{}: {}x{} {} at {} frames/s is no picture format",
                                 s.what(),
                                 o.width,
                                 o.height,
                                 o.pixel_format,
                                 media::to_string(o.frame_rate))};
    }
    SG_TRY_ASSIGN(s.context, new_encoder(o.settings.name, s.what()));
    auto& c = *s.context;
    c.width = static_cast<int>(o.width);
    c.height = static_cast<int>(o.height);
    c.pix_fmt = format;
    c.sample_aspect_ratio = av::to_av(o.sar);
    c.framerate = av::to_av(o.frame_rate);
    c.time_base = av::to_av(o.frame_rate.inverse());
    c.color_primaries = static_cast<AVColorPrimaries>(o.colour.primaries);
    c.color_trc = static_cast<AVColorTransferCharacteristic>(o.colour.transfer);
    c.colorspace = static_cast<AVColorSpace>(o.colour.matrix);
    c.color_range = o.colour.full_range ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
    c.thread_count = static_cast<int>(o.settings.threads);
    // The closed-GOP flag is the sign bit of an int.
    c.flags |= AV_CODEC_FLAG_GLOBAL_HEADER | static_cast<int>(AV_CODEC_FLAG_CLOSED_GOP);
    return open_encoder(c, o.settings, s.what());
}

Result<Flow> VideoEncoderStage::deliver(Packet packet, Emit& out) {
    auto& s = *state_;
    if (!s.announced) {
        s.announced = true;
        SG_TRY_ASSIGN(const auto flow, out.emit(0, pipeline::StreamStart{s.encoded_info()}));
        if (flow == Flow::kDone) return flow;
    }
    ++s.packets;
    auto* native = packet.native();
    native->duration = 1;
    native->stream_index = s.described.index;
    if (s.keys_due.erase(packet.pts()) > 0 && !packet.key()) {
        return Error{
            Errc::kMismatch,
            fmt::format("{}: {} made no key frame of frame {}, where a segment or GOP starts",
                        s.what(),
                        s.options.settings.name,
                        packet.pts())};
    }
    return out.emit(0, std::move(packet));
}

/// A null frame drains.
Result<Flow> VideoEncoderStage::encode(const Frame* frame, Emit& out) {
    auto& s = *state_;
    SG_TRY(
        av::check(avcodec_send_frame(s.context.get(), frame != nullptr ? frame->native() : nullptr),
                  s.what()));
    while (true) {
        Packet packet;
        const int rc = avcodec_receive_packet(s.context.get(), packet.native());
        if (rc == AVERROR(EAGAIN) || rc == AVERROR_EOF) return Flow::kContinue;
        SG_TRY(av::check(rc, s.what()));
        SG_TRY_ASSIGN(const auto flow, deliver(std::move(packet), out));
        if (flow == Flow::kDone) return flow;
    }
}

Result<Flow> VideoEncoderStage::finish(Emit& out) {
    auto& s = *state_;
    if (s.options.expected_frames > 0 && s.frames != s.options.expected_frames) {
        return Error{Errc::kMismatch,
                     fmt::format("{}: {} frames came and the plan has {}",
                                 s.what(),
                                 s.frames,
                                 s.options.expected_frames)};
    }
    SG_TRY_ASSIGN(const auto flow, encode(nullptr, out));
    if (flow == Flow::kDone) return flow;
    if (s.packets != s.frames || !s.keys_due.empty()) {
        return Error{Errc::kMismatch,
                     fmt::format("{}: {} made {} packets of {} frames, {} key frames are missing",
                                 s.what(),
                                 s.options.settings.name,
                                 s.packets,
                                 s.frames,
                                 s.keys_due.size())};
    }
    return out.emit(0, pipeline::EndOfStream{});
}

Result<Flow> VideoEncoderStage::process(int, Item item, Emit& out) {
    auto& s = *state_;
    if (const auto* start = std::get_if<pipeline::StreamStart>(&item)) {
        s.described = *start->info;
        return Flow::kContinue;
    }
    if (std::holds_alternative<pipeline::Cue>(item)) {
        s.cued = true;
        return Flow::kContinue;
    }
    if (const auto* given = std::get_if<Frame>(&item)) {
        auto* in = given->native();
        const bool fits = in->width == s.context->width && in->height == s.context->height &&
                          in->format == s.context->pix_fmt;
        if (!fits) {
            return Error{Errc::kInternal,
                         fmt::format("{}: a {}x{} {} picture came, {}x{} {} was planned",
                                     s.what(),
                                     in->width,
                                     in->height,
                                     pixel_format_name(in->format),
                                     s.options.width,
                                     s.options.height,
                                     s.options.pixel_format)};
        }
        Frame frame = given->share();
        auto* native = frame.native();
        const bool key = std::exchange(s.cued, false);
        native->pict_type = key ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
        native->quality = 0;
        av::clear_frame_key(native);
        av::set_frame_progressive(native);
        av::set_frame_duration(native, 1);
        if (key) s.keys_due.insert(frame.pts());
        ++s.frames;
        return encode(&frame, out);
    }
    if (std::holds_alternative<pipeline::EndOfStream>(item)) return finish(out);
    return out.emit(0, std::move(item));
}

}  // namespace sg::transcoders
