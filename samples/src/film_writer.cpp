#include "film_writer.hpp"

#include <cstdint>
#include <memory>
#include <utility>

#include <media_av/check.hpp>
#include <media_av/libav.hpp>
#include <media_av/ptrs.hpp>

namespace sg::samples {
namespace {

struct CloseOutput {
    void operator()(AVFormatContext* context) const {
        avio_closep(&context->pb);
        avformat_free_context(context);
    }
};
using OutputPtr = std::unique_ptr<AVFormatContext, CloseOutput>;

struct Track {
    av::CodecContextPtr encoder;
    av::FramePtr frame;
    AVStream* stream = nullptr;
    std::int64_t next = 0;  // in encoder ticks
};

class FilmWriter {
  public:
    explicit FilmWriter(const FilmFormat& format)
        : format_(format), pictures_(format), picture_(format.width, format.height) {}

    Status write(const std::string& path, const std::function<void(double)>& progress) {
        SG_TRY(open_output(path));
        SG_TRY(open_video());
        SG_TRY(open_audio());
        av::Dictionary options;
        options.set("movflags", "+faststart");
        SG_TRY(av::check(avformat_write_header(output_.get(), options.inout()),
                         "write the header of " + path));

        const std::int64_t frames =
            std::int64_t{format_.seconds} * format_.rate_num / format_.rate_den;
        const std::int64_t samples = std::int64_t{format_.seconds} * kSampleRate;
        while (video_.next < frames || audio_.next < samples) {
            const bool video_first =
                video_.next < frames &&
                (audio_.next >= samples || av_compare_ts(video_.next,
                                                         video_.encoder->time_base,
                                                         audio_.next,
                                                         audio_.encoder->time_base) <= 0);
            SG_TRY(video_first ? send_picture() : send_sound(samples));
            if (video_first && video_.next % 15 == 0) {
                progress(static_cast<double>(video_.next) / static_cast<double>(frames));
            }
        }
        SG_TRY(encode(video_, nullptr));
        SG_TRY(encode(audio_, nullptr));
        return av::check(av_write_trailer(output_.get()), "finish " + path);
    }

  private:
    Status open_output(const std::string& path) {
        AVFormatContext* context = nullptr;
        SG_TRY(av::check(avformat_alloc_output_context2(&context, nullptr, "mp4", path.c_str()),
                         "make an MP4 file"));
        output_.reset(context);
        packet_.reset(av_packet_alloc());
        return av::check(avio_open(&context->pb, path.c_str(), AVIO_FLAG_WRITE), "write " + path);
    }

    Status open_encoder(Track& track, const char* name, av::Dictionary& options) {
        if ((output_->oformat->flags & AVFMT_GLOBALHEADER) != 0) {
            track.encoder->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
        }
        SG_TRY(av::check(avcodec_open2(track.encoder.get(), nullptr, options.inout()),
                         std::string("open encoder ") + name));
        track.stream = avformat_new_stream(output_.get(), nullptr);
        track.stream->time_base = track.encoder->time_base;
        track.frame.reset(av_frame_alloc());
        return av::check(
            avcodec_parameters_from_context(track.stream->codecpar, track.encoder.get()),
            "describe a stream");
    }

    static Result<av::CodecContextPtr> new_encoder(const char* name) {
        const AVCodec* codec = avcodec_find_encoder_by_name(name);
        if (codec == nullptr) {
            return Error{
                Errc::kUnsupported,
                std::string("libavcodec has no encoder ") + name + "; install Debian's libavcodec"};
        }
        return av::CodecContextPtr(avcodec_alloc_context3(codec));
    }

    Status open_video() {
        SG_TRY_ASSIGN(video_.encoder, new_encoder("libx264"));
        auto& c = *video_.encoder;
        c.width = format_.width;
        c.height = format_.height;
        c.pix_fmt = AV_PIX_FMT_YUV420P;
        c.time_base = {format_.rate_den, format_.rate_num};
        c.framerate = {format_.rate_num, format_.rate_den};
        c.gop_size = 2 * format_.rate_num / format_.rate_den;
        c.max_b_frames = 2;
        c.color_primaries = AVCOL_PRI_BT709;
        c.color_trc = AVCOL_TRC_BT709;
        c.colorspace = AVCOL_SPC_BT709;
        c.color_range = AVCOL_RANGE_MPEG;
        av::Dictionary options;
        options.set("preset", "veryfast");
        options.set("crf", "20");
        SG_TRY(open_encoder(video_, "libx264", options));
        auto* frame = video_.frame.get();
        frame->format = c.pix_fmt;
        frame->width = c.width;
        frame->height = c.height;
        return {};
    }

    Status open_audio() {
        SG_TRY_ASSIGN(audio_.encoder, new_encoder("aac"));
        auto& c = *audio_.encoder;
        c.sample_fmt = AV_SAMPLE_FMT_FLTP;
        c.sample_rate = kSampleRate;
        c.bit_rate = 192'000;
        c.time_base = {1, kSampleRate};
        av_channel_layout_default(&c.ch_layout, 2);
        av::Dictionary options;
        return open_encoder(audio_, "aac", options);
    }

    Status send_picture() {
        pictures_.draw(video_.next, picture_);
        auto* frame = video_.frame.get();
        frame->data[0] = picture_.luma.data();
        frame->data[1] = picture_.blue.data();
        frame->data[2] = picture_.red.data();
        frame->linesize[0] = format_.width;
        frame->linesize[1] = format_.width / 2;
        frame->linesize[2] = format_.width / 2;
        frame->pts = video_.next++;
        // Not reference-counted: the encoder takes a copy.
        return encode(video_, frame);
    }

    Status send_sound(std::int64_t samples) {
        auto* frame = audio_.frame.get();
        av_frame_unref(frame);
        frame->format = audio_.encoder->sample_fmt;
        frame->sample_rate = kSampleRate;
        frame->nb_samples = static_cast<int>(
            std::min<std::int64_t>(audio_.encoder->frame_size, samples - audio_.next));
        SG_TRY(av::check(av_channel_layout_copy(&frame->ch_layout, &audio_.encoder->ch_layout),
                         "describe sound"));
        SG_TRY(av::check(av_frame_get_buffer(frame, 0), "allocate sound"));
        auto* left = reinterpret_cast<float*>(frame->data[0]);
        auto* right = reinterpret_cast<float*>(frame->data[1]);
        for (int i = 0; i < frame->nb_samples; ++i) {
            const auto sample = film_sound(audio_.next + i);
            left[i] = sample.left;
            right[i] = sample.right;
        }
        frame->pts = audio_.next;
        audio_.next += frame->nb_samples;
        return encode(audio_, frame);
    }

    Status encode(Track& track, const AVFrame* frame) {
        SG_TRY(av::check(avcodec_send_frame(track.encoder.get(), frame), "encode"));
        while (true) {
            const int rc = avcodec_receive_packet(track.encoder.get(), packet_.get());
            if (rc == AVERROR(EAGAIN) || rc == AVERROR_EOF) return {};
            SG_TRY(av::check(rc, "encode"));
            if (packet_->duration == 0 && track.encoder->codec_type == AVMEDIA_TYPE_VIDEO)
                packet_->duration = 1;
            av_packet_rescale_ts(packet_.get(), track.encoder->time_base, track.stream->time_base);
            packet_->stream_index = track.stream->index;
            SG_TRY(av::check(av_interleaved_write_frame(output_.get(), packet_.get()),
                             "write a packet"));
        }
    }

    FilmFormat format_;
    FilmPictures pictures_;
    Picture picture_;
    OutputPtr output_;
    av::PacketPtr packet_;
    Track video_;
    Track audio_;
};

}  // namespace

Status write_film(const FilmFormat& format,
                  const std::string& path,
                  const std::function<void(double)>& progress) {
    av::route_log();
    return FilmWriter(format).write(path, progress);
}

}  // namespace sg::samples
