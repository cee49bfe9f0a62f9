#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <memory>
#include <numbers>
#include <stdexcept>

#include <media_av/check.hpp>
#include <media_av/compat.hpp>
#include <media_av/libav.hpp>
#include <media_av/ptrs.hpp>
#include <support/make_clip.hpp>

namespace sg::test {
namespace {

void must(int rc, const std::string& doing) {
    if (rc < 0) throw std::runtime_error(av::av_error(rc, "make_clip: " + doing).message);
}

struct Coded {
    int stream = 0;
    AVRational timebase{1, 1};
    av::PacketPtr packet;
};

struct Muxer {
    explicit Muxer(const std::filesystem::path& path, const std::string& format) {
        must(avformat_alloc_output_context2(
                 &context, nullptr, format.empty() ? nullptr : format.c_str(), path.c_str()),
             "choose a container for " + path.string());
        context->flags |= AVFMT_FLAG_BITEXACT;
        context->max_delay = 0;
        if ((context->oformat->flags & AVFMT_NOFILE) == 0)
            must(avio_open(&context->pb, path.c_str(), AVIO_FLAG_WRITE), "open " + path.string());
    }
    ~Muxer() {
        avio_closep(&context->pb);
        avformat_free_context(context);
    }
    Muxer(const Muxer&) = delete;
    Muxer& operator=(const Muxer&) = delete;

    AVFormatContext* context = nullptr;
};

av::CodecContextPtr new_encoder(const std::string& name, const Muxer& muxer) {
    const auto* codec = avcodec_find_encoder_by_name(name.c_str());
    if (codec == nullptr) throw std::runtime_error("make_clip: no encoder " + name);
    av::CodecContextPtr context(avcodec_alloc_context3(codec));
    context->thread_count = 1;
    context->flags |= AV_CODEC_FLAG_BITEXACT;
    if ((muxer.context->oformat->flags & AVFMT_GLOBALHEADER) != 0)
        context->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    return context;
}

AVStream* new_stream(const Muxer& muxer,
                     const AVCodecContext* encoder,
                     const std::string& language,
                     int disposition) {
    auto* stream = avformat_new_stream(muxer.context, nullptr);
    if (stream == nullptr) throw std::runtime_error("make_clip: out of memory");
    must(avcodec_parameters_from_context(stream->codecpar, encoder), "describe a stream");
    stream->time_base = encoder->time_base;
    stream->disposition = disposition;
    if (!language.empty()) av_dict_set(&stream->metadata, "language", language.c_str(), 0);
    return stream;
}

void encode(AVCodecContext* encoder, const AVFrame* frame, int stream, std::vector<Coded>& out) {
    must(avcodec_send_frame(encoder, frame), "encode");
    for (;;) {
        av::PacketPtr packet(av_packet_alloc());
        const int rc = avcodec_receive_packet(encoder, packet.get());
        if (rc == AVERROR(EAGAIN) || rc == AVERROR_EOF) return;
        must(rc, "encode");
        out.push_back({stream, encoder->time_base, std::move(packet)});
    }
}

void paint(AVFrame* frame, int n, bool white) {
    const auto* format = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(frame->format));
    const int bytes = (format->comp[0].depth + 7) / 8;
    for (int plane = 0; plane < 4 && frame->data[plane] != nullptr; ++plane) {
        const bool luma = plane == 0;
        const int h = luma ? frame->height : AV_CEIL_RSHIFT(frame->height, format->log2_chroma_h);
        const int w =
            (luma ? frame->width : AV_CEIL_RSHIFT(frame->width, format->log2_chroma_w)) * bytes;
        for (int y = 0; y < h; ++y) {
            auto* row =
                frame->data[plane] + static_cast<std::ptrdiff_t>(y) * frame->linesize[plane];
            for (int x = 0; x < w; ++x) {
                const int value = !luma   ? 128
                                  : white ? 235
                                          : 16 + (n * 4 + x / bytes + y / 2) % 200;
                row[x] =
                    static_cast<std::uint8_t>(bytes == 1   ? value
                                              : x % 2 == 0 ? 0
                                                           : value >> (16 - format->comp[0].depth));
            }
        }
    }
}

void add_video(const Muxer& muxer, const ClipVideo& clip, std::vector<Coded>& out) {
    auto encoder = new_encoder(clip.encoder, muxer);
    const bool listed = !clip.times_ms.empty();
    encoder->width = clip.width;
    encoder->height = clip.height;
    encoder->pix_fmt = av_get_pix_fmt(clip.pixel_format.c_str());
    encoder->sample_aspect_ratio = av::to_av(clip.sar);
    encoder->time_base = listed ? AVRational{1, 1000} : av::to_av(clip.rate.inverse());
    if (!listed) encoder->framerate = av::to_av(clip.rate);
    encoder->gop_size = clip.gop;
    encoder->max_b_frames = clip.b_frames;
    encoder->color_primaries = static_cast<AVColorPrimaries>(clip.primaries);
    encoder->color_trc = static_cast<AVColorTransferCharacteristic>(clip.transfer);
    encoder->colorspace = static_cast<AVColorSpace>(clip.matrix);
    encoder->bit_rate = 200'000;
    if (clip.interlaced) {
        encoder->flags |= AV_CODEC_FLAG_INTERLACED_DCT | AV_CODEC_FLAG_INTERLACED_ME;
        encoder->field_order = AV_FIELD_TT;
    }
    if (clip.encoder == "libx264") {
        av_opt_set(encoder->priv_data, "preset", "ultrafast", 0);
        av_opt_set(encoder->priv_data,
                   "x264-params",
                   ("scenecut=0:bframes=" + std::to_string(clip.b_frames)).c_str(),
                   0);
    }
    if (clip.encoder == "libx265") {
        av_opt_set(encoder->priv_data, "preset", "ultrafast", 0);
        av_opt_set(
            encoder->priv_data, "x265-params", "log-level=none:pools=none:frame-threads=1", 0);
    }
    for (const auto& [key, value] : clip.options)
        must(av_opt_set(encoder.get(), key.c_str(), value.c_str(), AV_OPT_SEARCH_CHILDREN),
             "set " + key);
    must(avcodec_open2(encoder.get(), nullptr, nullptr), "open " + clip.encoder);

    auto* stream = new_stream(muxer, encoder.get(), clip.language, clip.disposition);
    if (!listed) stream->avg_frame_rate = av::to_av(clip.rate);
    stream->sample_aspect_ratio = encoder->sample_aspect_ratio;
    if (clip.rotation != 0) {
        auto* matrix =
            av::new_stream_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, 9 * sizeof(std::int32_t));
        std::int32_t values[9];
        av_display_rotation_set(values, clip.rotation);
        std::memcpy(matrix, values, sizeof values);
    }
    const auto frames = listed
                            ? static_cast<int>(clip.times_ms.size())
                            : static_cast<int>(std::lround(clip.seconds * clip.rate.as_double()));
    const auto seconds_at = [&](int n) {
        return listed ? static_cast<double>(clip.times_ms[static_cast<std::size_t>(n)]) / 1000
                      : n / clip.rate.as_double();
    };
    std::size_t flashes = 0;
    const std::size_t first = out.size();
    for (int n = 0; n < frames; ++n) {
        const bool white =
            flashes < clip.flash_s.size() && seconds_at(n) > clip.flash_s[flashes] - 1e-6;
        if (white) ++flashes;
        av::FramePtr frame(av_frame_alloc());
        frame->format = encoder->pix_fmt;
        frame->width = clip.width;
        frame->height = clip.height;
        must(av_frame_get_buffer(frame.get(), 0), "allocate a picture");
        paint(frame.get(), n, white);
        frame->pts = listed ? clip.times_ms[static_cast<std::size_t>(n)] : n;
        if (clip.interlaced) av::set_frame_interlaced(frame.get(), true, true);
        encode(encoder.get(), frame.get(), stream->index, out);
    }
    encode(encoder.get(), nullptr, stream->index, out);
    for (std::size_t i = first; i < out.size(); ++i) {
        auto* packet = out[i].packet.get();
        // Finer ticks, so that a start between two frames can be said.
        av_packet_rescale_ts(packet, encoder->time_base, AVRational{1, 360'000});
        if (packet->duration <= 0 && !listed)
            packet->duration = av_rescale_q(1, encoder->time_base, AVRational{1, 360'000});
        out[i].timebase = {1, 360'000};
        const auto offset = std::llround(clip.start_s * 360'000);
        packet->pts += offset;
        packet->dts += offset;
    }
}

void add_audio(const Muxer& muxer, const ClipAudio& clip, std::vector<Coded>& out) {
    auto encoder = new_encoder(clip.encoder, muxer);
    encoder->sample_rate = clip.sample_rate;
    encoder->time_base = {1, clip.sample_rate};
    encoder->bit_rate = clip.bit_rate;
    must(av_channel_layout_from_string(&encoder->ch_layout, clip.layout.c_str()),
         "read the layout " + clip.layout);
    encoder->sample_fmt = AV_SAMPLE_FMT_FLTP;
    if (clip.encoder.starts_with("pcm_s16") || clip.encoder == "flac")
        encoder->sample_fmt = AV_SAMPLE_FMT_S16;
    if (clip.encoder == "libopus") encoder->sample_fmt = AV_SAMPLE_FMT_FLT;
    if (clip.encoder == "mp2") encoder->sample_fmt = AV_SAMPLE_FMT_S16;
    must(avcodec_open2(encoder.get(), nullptr, nullptr), "open " + clip.encoder);
    auto* stream = new_stream(muxer, encoder.get(), clip.language, clip.disposition);
    if (!clip.title.empty()) av_dict_set(&stream->metadata, "title", clip.title.c_str(), 0);

    const int size = encoder->frame_size > 0 ? encoder->frame_size : 1024;
    const auto total = static_cast<std::int64_t>(std::llround(clip.seconds * clip.sample_rate));
    const auto audible = [&](std::int64_t sample) {
        constexpr double kBeep = 0.05;
        const double at = static_cast<double>(sample) / clip.sample_rate;
        return clip.beep_s.empty() ||
               std::any_of(clip.beep_s.begin(), clip.beep_s.end(), [&](double from) {
                   return at >= from - 1e-9 && at < from + kBeep - 1e-9;
               });
    };
    const std::size_t first = out.size();
    const int channels = encoder->ch_layout.nb_channels;
    for (std::int64_t at = 0; at < total; at += size) {
        av::FramePtr frame(av_frame_alloc());
        frame->format = encoder->sample_fmt;
        frame->sample_rate = clip.sample_rate;
        frame->nb_samples = static_cast<int>(std::min<std::int64_t>(size, total - at));
        must(av_channel_layout_copy(&frame->ch_layout, &encoder->ch_layout), "allocate sound");
        must(av_frame_get_buffer(frame.get(), 0), "allocate sound");
        const bool planar = av_sample_fmt_is_planar(encoder->sample_fmt) != 0;
        for (int c = 0; c < channels; ++c) {
            for (int i = 0; i < frame->nb_samples; ++i) {
                const double value = (audible(at + i) ? 0.3 : 0.0) *
                                     std::sin(2 * std::numbers::pi * clip.frequency *
                                              static_cast<double>(at + i) / clip.sample_rate);
                auto* data = frame->extended_data[planar ? c : 0];
                const int slot = planar ? i : i * channels + c;
                if (encoder->sample_fmt == AV_SAMPLE_FMT_S16)
                    reinterpret_cast<std::int16_t*>(data)[slot] =
                        static_cast<std::int16_t>(value * 32767);
                else
                    reinterpret_cast<float*>(data)[slot] = static_cast<float>(value);
            }
        }
        frame->pts = at;
        encode(encoder.get(), frame.get(), stream->index, out);
    }
    encode(encoder.get(), nullptr, stream->index, out);
    const auto in_gap = [&](const Coded& coded) {
        const double at = static_cast<double>(coded.packet->pts) / clip.sample_rate;
        return std::any_of(clip.gaps.begin(), clip.gaps.end(), [&](const auto& gap) {
            return at >= gap.first && at < gap.first + gap.second;
        });
    };
    out.erase(std::remove_if(out.begin() + static_cast<std::ptrdiff_t>(first), out.end(), in_gap),
              out.end());
    const auto offset = std::llround(clip.start_s * clip.sample_rate);
    for (std::size_t i = first; i < out.size(); ++i) {
        out[i].packet->pts += offset;
        out[i].packet->dts += offset;
    }
    // Encoders that change their parameters while they run (priming) say so only now.
    avcodec_parameters_from_context(stream->codecpar, encoder.get());
}

}  // namespace

std::filesystem::path make_clip(const std::filesystem::path& path, const ClipOptions& options) {
    av_log_set_level(AV_LOG_ERROR);
    Muxer muxer(path, options.format);
    std::vector<Coded> coded;
    for (const auto& video : options.video) add_video(muxer, video, coded);
    for (const auto& audio : options.audio) add_audio(muxer, audio, coded);
    for (const auto& [key, value] : options.metadata)
        av_dict_set(&muxer.context->metadata, key.c_str(), value.c_str(), 0);
    if (!options.chapters.empty()) {
        auto** list =
            static_cast<AVChapter**>(av_calloc(options.chapters.size(), sizeof(AVChapter*)));
        for (std::size_t i = 0; i < options.chapters.size(); ++i) {
            auto* chapter = static_cast<AVChapter*>(av_mallocz(sizeof(AVChapter)));
            chapter->id = static_cast<std::int64_t>(i);
            chapter->time_base = {1, 1000};
            chapter->start = std::llround(options.chapters[i].start_s * 1000);
            chapter->end = std::llround(options.chapters[i].end_s * 1000);
            av_dict_set(&chapter->metadata, "title", options.chapters[i].title.c_str(), 0);
            list[i] = chapter;
        }
        muxer.context->chapters = list;
        muxer.context->nb_chapters = static_cast<unsigned>(options.chapters.size());
    }
    std::stable_sort(coded.begin(), coded.end(), [](const Coded& a, const Coded& b) {
        return av_compare_ts(a.packet->dts, a.timebase, b.packet->dts, b.timebase) < 0;
    });

    av::Dictionary dictionary;
    for (const auto& [key, value] : options.muxer_options)
        dictionary.set(key.c_str(), value.c_str());
    must(avformat_write_header(muxer.context, dictionary.inout()),
         "write the header of " + path.string());
    for (auto& one : coded) {
        auto* packet = one.packet.get();
        const auto offset = std::llround(options.start_s * one.timebase.den / one.timebase.num);
        packet->pts += offset;
        packet->dts += offset;
        packet->stream_index = one.stream;
        av_packet_rescale_ts(packet, one.timebase, muxer.context->streams[one.stream]->time_base);
        must(av_interleaved_write_frame(muxer.context, packet), "write " + path.string());
    }
    must(av_write_trailer(muxer.context), "finish " + path.string());
    return path;
}

std::filesystem::path join_files(const std::vector<std::filesystem::path>& parts,
                                 const std::filesystem::path& path) {
    std::ofstream out(path, std::ios::binary);
    for (const auto& part : parts) {
        std::ifstream in(part, std::ios::binary);
        out << in.rdbuf();
    }
    if (!out.flush()) throw std::runtime_error("join_files: write " + path.string());
    return path;
}

std::filesystem::path cut_file(const std::filesystem::path& from,
                               const std::filesystem::path& path,
                               std::uintmax_t bytes) {
    std::filesystem::copy_file(from, path, std::filesystem::copy_options::overwrite_existing);
    std::filesystem::resize_file(path, std::min(bytes, std::filesystem::file_size(path)));
    return path;
}

std::vector<std::int64_t> frame_times_ms(media::Rational rate, int frames) {
    std::vector<std::int64_t> times;
    for (int n = 0; n < frames; ++n)
        times.push_back(
            std::llround(static_cast<double>(n) * 1000.0 * static_cast<double>(rate.den) /
                         static_cast<double>(rate.num)));
    return times;
}

}  // namespace sg::test
