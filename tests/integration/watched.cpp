#include "watched.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <string>

#include <media_av/check.hpp>
#include <media_av/libav.hpp>
#include <media_av/ptrs.hpp>

namespace sg::test {
namespace {

void must(int rc, const std::string& doing) {
    if (rc < 0) throw std::runtime_error(av::av_error(rc, "watch: " + doing).message);
}

struct Sound {
    std::vector<double> energy;  ///< of each sample from sound_start_s on
    int rate = 0;
};

double mean_luma(const AVFrame* frame) {
    double sum = 0;
    for (int y = 0; y < frame->height; ++y) {
        const auto* row = frame->data[0] + static_cast<std::ptrdiff_t>(y) * frame->linesize[0];
        for (int x = 0; x < frame->width; ++x) sum += row[x];
    }
    return sum / frame->width / frame->height;
}

double sample_at(const AVFrame* frame, int channel, int i) {
    const bool planar = av_sample_fmt_is_planar(static_cast<AVSampleFormat>(frame->format)) != 0;
    const auto* data = frame->extended_data[planar ? channel : 0];
    const int slot = planar ? i : i * frame->ch_layout.nb_channels + channel;
    switch (av_get_packed_sample_fmt(static_cast<AVSampleFormat>(frame->format))) {
        case AV_SAMPLE_FMT_FLT:
            return static_cast<double>(reinterpret_cast<const float*>(data)[slot]);
        case AV_SAMPLE_FMT_S16:
            return reinterpret_cast<const std::int16_t*>(data)[slot] / 32768.0;
        case AV_SAMPLE_FMT_S32:
            return reinterpret_cast<const std::int32_t*>(data)[slot] / 2147483648.0;
        default:
            throw std::runtime_error("watch: a sample format it does not know");
    }
}

class Watcher {
  public:
    explicit Watcher(const std::filesystem::path& path) {
        AVFormatContext* raw = nullptr;
        must(avformat_open_input(&raw, path.c_str(), nullptr, nullptr), "open " + path.string());
        input_.reset(raw);
        must(avformat_find_stream_info(input_.get(), nullptr), "look at " + path.string());
        open(video_, AVMEDIA_TYPE_VIDEO);
        open(audio_, AVMEDIA_TYPE_AUDIO);
    }

    Watched run() {
        av::PacketPtr packet(av_packet_alloc());
        while (av_read_frame(input_.get(), packet.get()) >= 0) {
            if (packet->stream_index == video_.index) decode(video_, packet.get());
            if (packet->stream_index == audio_.index) decode(audio_, packet.get());
            av_packet_unref(packet.get());
        }
        if (video_.decoder) decode(video_, nullptr);
        if (audio_.decoder) decode(audio_, nullptr);
        find_beeps();
        std::sort(watched_.picture_s.begin(), watched_.picture_s.end());
        return std::move(watched_);
    }

  private:
    struct Stream {
        int index = -1;
        av::CodecContextPtr decoder;
    };

    void open(Stream& stream, AVMediaType type) {
        const AVCodec* codec = nullptr;
        stream.index = av_find_best_stream(input_.get(), type, -1, -1, &codec, 0);
        if (stream.index < 0) return;
        const auto* of = input_->streams[stream.index];
        stream.decoder.reset(avcodec_alloc_context3(codec));
        must(avcodec_parameters_to_context(stream.decoder.get(), of->codecpar),
             "describe a stream");
        stream.decoder->pkt_timebase = of->time_base;
        stream.decoder->thread_count = 1;
        must(avcodec_open2(stream.decoder.get(), codec, nullptr), "open a decoder");
    }

    void decode(Stream& stream, const AVPacket* packet) {
        must(avcodec_send_packet(stream.decoder.get(), packet), "decode");
        av::FramePtr frame(av_frame_alloc());
        while (avcodec_receive_frame(stream.decoder.get(), frame.get()) >= 0) {
            const double at = static_cast<double>(frame->best_effort_timestamp) *
                              av_q2d(input_->streams[stream.index]->time_base);
            if (stream.index == video_.index)
                see(frame.get(), at);
            else
                hear(frame.get(), at);
        }
    }

    void see(const AVFrame* frame, double at) {
        if (watched_.picture_s.empty()) {
            watched_.width = frame->width;
            watched_.height = frame->height;
        }
        watched_.picture_s.push_back(at);
        constexpr double kWhite = 190;
        watched_.luma.push_back(mean_luma(frame));
        if (watched_.luma.back() > kWhite) watched_.flash_s.push_back(at);
    }

    void hear(const AVFrame* frame, double at) {
        if (sound_.rate == 0) {
            sound_.rate = frame->sample_rate;
            watched_.channels = frame->ch_layout.nb_channels;
            watched_.sound_start_s = at;
        }
        // A gap in the times is silence.
        const auto begin = static_cast<std::size_t>(
            std::max(0.0, std::round((at - watched_.sound_start_s) * sound_.rate)));
        if (begin > sound_.energy.size()) sound_.energy.resize(begin);
        for (int i = 0; i < frame->nb_samples; ++i) {
            double energy = 0;
            for (int c = 0; c < frame->ch_layout.nb_channels; ++c)
                energy += std::pow(sample_at(frame, c, i), 2);
            sound_.energy.push_back(energy);
        }
    }

    void find_beeps() {
        watched_.sound_s =
            sound_.rate > 0 ? static_cast<double>(sound_.energy.size()) / sound_.rate : 0;
        constexpr double kLoud = 0.01;
        const auto reach = static_cast<std::size_t>(sound_.rate / 10);
        for (std::size_t i = 0; i < sound_.energy.size(); ++i) {
            if (sound_.energy[i] < kLoud) continue;
            double sum = 0;
            double moment = 0;
            const auto from = i > reach / 2 ? i - reach / 2 : 0;
            const auto to = std::min(sound_.energy.size(), i + reach);
            for (auto j = from; j < to; ++j) {
                sum += sound_.energy[j];
                moment += sound_.energy[j] * static_cast<double>(j);
            }
            watched_.beep_s.push_back(watched_.sound_start_s + moment / sum / sound_.rate - 0.025);
            i = to;
        }
    }

    av::InputPtr input_;
    Stream video_;
    Stream audio_;
    Sound sound_;
    Watched watched_;
};

}  // namespace

Watched watch(const std::filesystem::path& path) {
    return Watcher(path).run();
}

}  // namespace sg::test
