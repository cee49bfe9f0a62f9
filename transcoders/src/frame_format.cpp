#include "frame_format.hpp"

#include <cstring>

#include <media_av/check.hpp>

namespace sg::transcoders {
namespace {

AVPixelFormat plain_format(int format) {
    switch (format) {
        case AV_PIX_FMT_YUVJ420P:
            return AV_PIX_FMT_YUV420P;
        case AV_PIX_FMT_YUVJ422P:
            return AV_PIX_FMT_YUV422P;
        case AV_PIX_FMT_YUVJ444P:
            return AV_PIX_FMT_YUV444P;
        case AV_PIX_FMT_YUVJ440P:
            return AV_PIX_FMT_YUV440P;
        case AV_PIX_FMT_YUVJ411P:
            return AV_PIX_FMT_YUV411P;
        default:
            return AV_PIX_FMT_NONE;
    }
}

std::uint16_t chromaticity(AVRational value) {
    return static_cast<std::uint16_t>(
        av_rescale_rnd(value.num, 50000, value.den, AV_ROUND_NEAR_INF));
}
std::uint32_t luminance(AVRational value) {
    return static_cast<std::uint32_t>(
        av_rescale_rnd(value.num, 10000, value.den, AV_ROUND_NEAR_INF));
}

void take_hdr(media::StreamInfo& info, const AVFrame& frame) {
    if (const auto* side =
            av_frame_get_side_data(&frame, AV_FRAME_DATA_MASTERING_DISPLAY_METADATA)) {
        AVMasteringDisplayMetadata m;
        std::memcpy(&m, side->data, sizeof m);
        const bool whole = m.has_primaries != 0 && m.has_luminance != 0 &&
                           m.white_point[0].den > 0 && m.max_luminance.den > 0 &&
                           m.min_luminance.den > 0;
        if (whole) {
            // libav keeps red, green, blue; mdcv keeps green, blue, red.
            for (int i = 0; i < 3; ++i) {
                const auto& point = m.display_primaries[(i + 1) % 3];
                if (point[0].den <= 0 || point[1].den <= 0) return;
                info.mastering_display.primaries_x[i] = chromaticity(point[0]);
                info.mastering_display.primaries_y[i] = chromaticity(point[1]);
            }
            info.mastering_display.white_x = chromaticity(m.white_point[0]);
            info.mastering_display.white_y = chromaticity(m.white_point[1]);
            info.mastering_display.max_luminance = luminance(m.max_luminance);
            info.mastering_display.min_luminance = luminance(m.min_luminance);
            info.has_mastering_display = true;
        }
    }
    if (const auto* side = av_frame_get_side_data(&frame, AV_FRAME_DATA_CONTENT_LIGHT_LEVEL)) {
        AVContentLightMetadata light;
        std::memcpy(&light, side->data, sizeof light);
        info.content_light.max_cll = static_cast<std::uint16_t>(light.MaxCLL);
        info.content_light.max_fall = static_cast<std::uint16_t>(light.MaxFALL);
        info.has_content_light = true;
    }
}

}  // namespace

media::Colour colour_of(const AVFrame& frame) {
    return {static_cast<int>(frame.color_primaries),
            static_cast<int>(frame.color_trc),
            static_cast<int>(frame.colorspace),
            frame.color_range == AVCOL_RANGE_JPEG};
}

void set_colour(AVFrame& frame, const media::Colour& colour) {
    frame.color_primaries = static_cast<AVColorPrimaries>(colour.primaries);
    frame.color_trc = static_cast<AVColorTransferCharacteristic>(colour.transfer);
    frame.colorspace = static_cast<AVColorSpace>(colour.matrix);
    frame.color_range = colour.full_range ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
}

void normalise_range(AVFrame& frame) {
    const auto plain = plain_format(frame.format);
    if (plain == AV_PIX_FMT_NONE) return;
    frame.format = plain;
    frame.color_range = AVCOL_RANGE_JPEG;
}

media::StreamInfo raw_info(const media::StreamInfo& base, const AVFrame& frame) {
    media::StreamInfo info = base;
    info.codec = media::CodecId::kUnknown;
    info.codec_detail.clear();
    info.extradata.clear();
    if (info.type == media::MediaType::kAudio) {
        info.sample_rate = frame.sample_rate;
        info.channels = frame.ch_layout.nb_channels;
        info.channel_layout = layout_name(frame.ch_layout);
        info.sample_format = sample_format_name(frame.format);
        return info;
    }
    info.width = frame.width;
    info.height = frame.height;
    info.pixel_format = pixel_format_name(frame.format);
    if (frame.sample_aspect_ratio.num > 0 && frame.sample_aspect_ratio.den > 0) {
        info.sar = av::from_av(frame.sample_aspect_ratio);
    }
    info.colour = colour_of(frame);
    take_hdr(info, frame);
    return info;
}

bool same_format(const media::StreamInfo& a, const media::StreamInfo& b) {
    if (a.type == media::MediaType::kAudio) {
        return a.sample_rate == b.sample_rate && a.channels == b.channels &&
               a.channel_layout == b.channel_layout && a.sample_format == b.sample_format;
    }
    return a.width == b.width && a.height == b.height && a.pixel_format == b.pixel_format &&
           a.sar == b.sar && a.colour == b.colour;
}

std::string pixel_format_name(int format) {
    const char* name = av_get_pix_fmt_name(static_cast<AVPixelFormat>(format));
    return name != nullptr ? name : "";
}

std::string sample_format_name(int format) {
    const char* name = av_get_sample_fmt_name(static_cast<AVSampleFormat>(format));
    return name != nullptr ? name : "";
}

std::string layout_name(const AVChannelLayout& layout) {
    char text[128] = {};
    if (av_channel_layout_describe(&layout, text, sizeof text) < 0) return "";
    return text;
}

}  // namespace sg::transcoders
