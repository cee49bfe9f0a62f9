#include <cmath>
#include <cstring>
#include <memory>
#include <numbers>
#include <stdexcept>
#include <utility>

#include <media_av/libav.hpp>
#include <support/media_items.hpp>

namespace sg::test {

media::StreamInfo video_info(int width,
                             int height,
                             media::Timebase timebase,
                             media::Rational frame_rate) {
    media::StreamInfo info;
    info.index = 0;
    info.type = media::MediaType::kVideo;
    info.timebase = timebase;
    info.width = width;
    info.height = height;
    info.pixel_format = "yuv420p";
    info.frame_rate = frame_rate;
    return info;
}

media::StreamInfo audio_info(int sample_rate, int channels, media::Timebase timebase) {
    media::StreamInfo info;
    info.index = 1;
    info.type = media::MediaType::kAudio;
    info.timebase = timebase;
    info.sample_rate = sample_rate;
    info.channels = channels;
    info.channel_layout = channels == 1 ? "mono" : "stereo";
    info.sample_format = "fltp";
    return info;
}

media::StreamInfoPtr shared(media::StreamInfo info) {
    return std::make_shared<const media::StreamInfo>(std::move(info));
}

media::Packet make_packet(const PacketFields& fields) {
    media::Packet packet;
    auto* native = packet.native();
    if (av_new_packet(native, fields.bytes) < 0) throw std::bad_alloc();
    std::memset(native->data, fields.fill, static_cast<std::size_t>(fields.bytes));
    native->pts = fields.pts;
    native->dts = fields.dts;
    native->duration = fields.duration;
    native->pos = fields.position;
    native->stream_index = fields.stream;
    if (fields.key) native->flags |= AV_PKT_FLAG_KEY;
    return packet;
}

media::Frame make_video_frame(
    int width, int height, std::int64_t pts, std::uint8_t luma, const std::string& pixel_format) {
    media::Frame frame;
    auto* native = frame.native();
    native->format = av_get_pix_fmt(pixel_format.c_str());
    native->width = width;
    native->height = height;
    native->pts = pts;
    if (native->format == AV_PIX_FMT_NONE || av_frame_get_buffer(native, 0) < 0) {
        throw std::runtime_error("cannot make a " + pixel_format + " frame");
    }
    for (int plane = 0; plane < AV_NUM_DATA_POINTERS && native->buf[plane] != nullptr; ++plane) {
        std::memset(native->buf[plane]->data, plane == 0 ? luma : 128, native->buf[plane]->size);
    }
    return frame;
}

media::Frame make_audio_frame(int samples, int sample_rate, int channels, std::int64_t pts) {
    media::Frame frame;
    auto* native = frame.native();
    native->format = AV_SAMPLE_FMT_FLTP;
    native->nb_samples = samples;
    native->sample_rate = sample_rate;
    native->pts = pts;
    av_channel_layout_default(&native->ch_layout, channels);
    if (av_frame_get_buffer(native, 0) < 0) throw std::bad_alloc();
    for (int channel = 0; channel < channels; ++channel) {
        auto* out = reinterpret_cast<float*>(native->extended_data[channel]);
        for (int i = 0; i < samples; ++i) {
            const auto seconds = static_cast<double>(pts + i) / sample_rate;
            out[i] = static_cast<float>(0.1 * std::sin(2 * std::numbers::pi * 440 * seconds));
        }
    }
    return frame;
}

std::uint8_t first_byte(const media::Frame& frame) {
    return frame.native()->data[0][0];
}

}  // namespace sg::test
