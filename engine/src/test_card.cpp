#include "test_card.hpp"

#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <numbers>
#include <optional>
#include <utility>

#include <media_av/check.hpp>
#include <media_av/compat.hpp>
#include <media_av/ptrs.hpp>

namespace sg::engine {
namespace {

constexpr int kSampleRate = 48'000;
constexpr int kChannels = 2;
constexpr int kFrameSamples = 1024;  ///< of AAC
constexpr int kLoopAudioFrames = kCardLoopFrames * kSampleRate / kCardRate / kFrameSamples;
static_assert(kLoopAudioFrames * kFrameSamples * kCardRate == kCardLoopFrames * kSampleRate);
constexpr double kToneHz = 1000;
constexpr double kToneLevel = 0.1;  ///< -20 dB of full scale
constexpr int kVideoTrack = 0;
constexpr int kAudioTrack = 1;

/// One of the two encoders.
class CardEncoder {
  public:
    static Result<CardEncoder> video(int gop);
    static Result<CardEncoder> audio();

    [[nodiscard]] ingest::PulledTrack track(int id, formats::Codec codec) const {
        ingest::PulledTrack track;
        track.id = id;
        track.codec = codec;
        const auto* from = reinterpret_cast<const std::byte*>(context_->extradata);
        track.extradata.assign(from, from + context_->extradata_size);
        return track;
    }

    /// Packets come out to `out`; null ends the stream.
    template <class Out>
    Status encode(const AVFrame* frame, Out&& out) {
        SG_TRY(av::check(avcodec_send_frame(context_.get(), frame), "encode the test card"));
        while (true) {
            const int got = avcodec_receive_packet(context_.get(), packet_.get());
            if (got == AVERROR(EAGAIN) || got == AVERROR_EOF) return {};
            SG_TRY(av::check(got, "encode the test card"));
            ingest::TimedUnit unit;
            unit.pts_ns = nanoseconds(packet_->pts);
            unit.dts_ns = nanoseconds(packet_->dts);
            unit.key = (packet_->flags & AV_PKT_FLAG_KEY) != 0;
            const auto* from = reinterpret_cast<const std::byte*>(packet_->data);
            unit.data.assign(from, from + packet_->size);
            av_packet_unref(packet_.get());
            SG_TRY(out(std::move(unit)));
        }
    }

  private:
    explicit CardEncoder(av::CodecContextPtr context)
        : context_(std::move(context)), packet_(av_packet_alloc()) {}

    [[nodiscard]] std::int64_t nanoseconds(std::int64_t ticks) const {
        return av_rescale_q(ticks, context_->time_base, AVRational{1, 1'000'000'000});
    }

    av::CodecContextPtr context_;
    av::PacketPtr packet_;
};

Result<CardEncoder> CardEncoder::video(int gop) {
    av::route_log();
    const auto* codec = avcodec_find_encoder_by_name("libx264");
    if (codec == nullptr)
        return Error{Errc::kUnsupported, "make a test card: libav was built without libx264"};
    av::CodecContextPtr c(avcodec_alloc_context3(codec));
    c->width = kCardWidth;
    c->height = kCardHeight;
    c->pix_fmt = AV_PIX_FMT_YUV420P;
    c->time_base = {1, kCardRate};
    c->framerate = {kCardRate, 1};
    c->gop_size = gop;
    c->max_b_frames = 0;
    c->thread_count = 1;
    c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    c->color_primaries = AVCOL_PRI_BT709;
    c->color_trc = AVCOL_TRC_BT709;
    c->colorspace = AVCOL_SPC_BT709;
    c->color_range = AVCOL_RANGE_MPEG;
    av::Dictionary options;
    options.set("preset", "veryfast");
    options.set("tune", "zerolatency");
    options.set("crf", "23");
    options.set("maxrate", "1500k");
    options.set("bufsize", "1500k");
    options.set("x264-params", "scenecut=0");
    SG_TRY(
        av::check(avcodec_open2(c.get(), codec, options.inout()), "make a test card's pictures"));
    return CardEncoder(std::move(c));
}

Result<CardEncoder> CardEncoder::audio() {
    const auto* codec = avcodec_find_encoder_by_name("aac");
    if (codec == nullptr)
        return Error{Errc::kUnsupported, "make a test card: libav was built without AAC"};
    av::CodecContextPtr c(avcodec_alloc_context3(codec));
    c->sample_rate = kSampleRate;
    c->sample_fmt = AV_SAMPLE_FMT_FLTP;
    av_channel_layout_default(&c->ch_layout, kChannels);
    c->time_base = {1, kSampleRate};
    c->bit_rate = 96'000;
    c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    SG_TRY(av::check(avcodec_open2(c.get(), codec, nullptr), "make a test card's sound"));
    return CardEncoder(std::move(c));
}

Status fill(AVFrame& frame, const CardPicture& picture, std::int64_t pts) {
    // The encoder may still hold what was sent before.
    av_frame_unref(&frame);
    frame.format = AV_PIX_FMT_YUV420P;
    frame.width = kCardWidth;
    frame.height = kCardHeight;
    frame.pts = pts;
    SG_TRY(av::check(av_frame_get_buffer(&frame, 0), "make a picture"));
    const auto copy = [&](int plane, const std::vector<std::uint8_t>& from, int width, int height) {
        for (int y = 0; y < height; ++y)
            std::memcpy(frame.data[plane] + static_cast<std::ptrdiff_t>(y) * frame.linesize[plane],
                        from.data() + static_cast<std::ptrdiff_t>(y) * width,
                        static_cast<std::size_t>(width));
    };
    copy(0, picture.y, kCardWidth, kCardHeight);
    copy(1, picture.u, kCardWidth / 2, kCardHeight / 2);
    copy(2, picture.v, kCardWidth / 2, kCardHeight / 2);
    return {};
}

Status fill_sound(AVFrame& frame, std::int64_t first_sample, double level) {
    av_frame_unref(&frame);
    frame.format = AV_SAMPLE_FMT_FLTP;
    frame.sample_rate = kSampleRate;
    frame.nb_samples = kFrameSamples;
    av_channel_layout_default(&frame.ch_layout, kChannels);
    frame.pts = first_sample;
    SG_TRY(av::check(av_frame_get_buffer(&frame, 0), "make sound"));
    for (int channel = 0; channel < kChannels; ++channel) {
        auto* samples = reinterpret_cast<float*>(frame.data[channel]);
        for (int i = 0; i < kFrameSamples; ++i) {
            const auto turn =
                static_cast<double>((first_sample + i) % kSampleRate) * kToneHz / kSampleRate;
            samples[i] = static_cast<float>(level * std::sin(2 * std::numbers::pi * turn));
        }
    }
    return {};
}

/// A long time passes before an int64 of samples runs out.
std::int64_t audio_frames_before(std::int64_t picture) {
    return picture * kSampleRate / kCardRate / kFrameSamples;
}

}  // namespace

Status make_test_card(ingest::PulledMedia& media, std::stop_token stop) {
    SG_TRY_ASSIGN(auto video, CardEncoder::video(kCardRate));
    SG_TRY_ASSIGN(auto audio, CardEncoder::audio());
    SG_TRY(media.on_track(video.track(kVideoTrack, formats::Codec::kH264)));
    SG_TRY(media.on_track(audio.track(kAudioTrack, formats::Codec::kAac)));
    const auto deliver = [&media](int track) {
        return [&media, track](ingest::TimedUnit unit) {
            unit.track = track;
            return media.on_unit(std::move(unit));
        };
    };
    auto picture = draw_bars();
    const av::FramePtr frame(av_frame_alloc());
    const av::FramePtr sound(av_frame_alloc());
    const auto begin = std::chrono::steady_clock::now();
    std::mutex mutex;
    std::condition_variable_any never;
    std::int64_t audio_frames = 0;
    for (std::int64_t n = 0; !stop.stop_requested(); ++n) {
        std::unique_lock lock(mutex);
        never.wait_until(lock, stop, begin + std::chrono::milliseconds(n * 1000 / kCardRate), [] {
            return false;
        });
        const auto wall = std::chrono::duration_cast<std::chrono::milliseconds>(
                              std::chrono::system_clock::now().time_since_epoch())
                              .count();
        draw_clock(picture, wall % 86'400'000, static_cast<int>(wall % 1000 * kCardRate / 1000));
        SG_TRY(fill(*frame, picture, n));
        SG_TRY(video.encode(frame.get(), deliver(kVideoTrack)));
        for (; audio_frames < audio_frames_before(n + 1); ++audio_frames) {
            SG_TRY(fill_sound(*sound, audio_frames * kFrameSamples, kToneLevel));
            SG_TRY(audio.encode(sound.get(), deliver(kAudioTrack)));
        }
    }
    return Error{Errc::kCancelled, "make a test card: stopped"};
}

Status make_slate(const std::filesystem::path& image,
                  ingest::PulledMedia& media,
                  std::stop_token stop) {
    CardPicture picture = draw_bars();
    if (!image.empty()) {
        SG_TRY_ASSIGN(picture, load_picture(image, stop));
    }
    SG_TRY_ASSIGN(auto video, CardEncoder::video(kCardLoopFrames));
    SG_TRY_ASSIGN(auto audio, CardEncoder::audio());
    SG_TRY(media.on_track(video.track(kVideoTrack, formats::Codec::kH264)));
    SG_TRY(media.on_track(audio.track(kAudioTrack, formats::Codec::kAac)));
    const av::FramePtr frame(av_frame_alloc());
    const auto give_picture = [&media](ingest::TimedUnit unit) {
        unit.track = kVideoTrack;
        return media.on_unit(std::move(unit));
    };
    for (int n = 0; n < kCardLoopFrames; ++n) {
        SG_TRY(fill(*frame, picture, n));
        SG_TRY(video.encode(frame.get(), give_picture));
    }
    SG_TRY(video.encode(nullptr, give_picture));
    // A loop from the middle of silence: its frames are all alike, and none is priming.
    const av::FramePtr sound(av_frame_alloc());
    int given = 0;
    const auto give_sound = [&](ingest::TimedUnit unit) -> Status {
        if (unit.pts_ns < 0 || given >= kLoopAudioFrames) return {};
        unit.track = kAudioTrack;
        unit.pts_ns = unit.dts_ns =
            std::int64_t{1'000'000'000} * given++ * kFrameSamples / kSampleRate;
        return media.on_unit(std::move(unit));
    };
    for (int n = 0; n < kLoopAudioFrames + 2; ++n) {
        SG_TRY(fill_sound(*sound, std::int64_t{n} * kFrameSamples, 0));
        SG_TRY(audio.encode(sound.get(), give_sound));
    }
    return audio.encode(nullptr, give_sound);
}

}  // namespace sg::engine
