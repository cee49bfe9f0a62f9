#include "verify_decode.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <media_av/check.hpp>
#include <media_av/compat.hpp>
#include <media_av/libav.hpp>
#include <media_av/ptrs.hpp>

#include "verify_media.hpp"

namespace sg::engine {
namespace {

constexpr int kIoBuffer = 64 << 10;
constexpr int kAudioFramesQuick = 2;
constexpr std::int64_t kMaxPixels = std::int64_t{16384} * 8704;

/// Two spans read as one file, in memory.
class MemoryFile {
  public:
    MemoryFile(std::span<const std::byte> head, std::span<const std::byte> body)
        : head_(head), body_(body) {}

    [[nodiscard]] av::IoPtr open() {
        auto* buffer = static_cast<unsigned char*>(av_malloc(kIoBuffer));
        if (buffer == nullptr) return nullptr;
        av::IoPtr io(avio_alloc_context(buffer, kIoBuffer, 0, this, &read, nullptr, &seek));
        if (!io) av_free(buffer);
        return io;
    }

  private:
    [[nodiscard]] std::int64_t size() const {
        return static_cast<std::int64_t>(head_.size() + body_.size());
    }

    static int read(void* opaque, std::uint8_t* to, int want) {
        auto& me = *static_cast<MemoryFile*>(opaque);
        const auto in_head = me.at_ < me.head_.size();
        const auto from =
            in_head ? me.head_.subspan(me.at_)
                    : me.body_.subspan(std::min(me.at_ - me.head_.size(), me.body_.size()));
        const auto n = std::min(from.size(), static_cast<std::size_t>(want));
        if (n == 0) return AVERROR_EOF;
        std::memcpy(to, from.data(), n);
        me.at_ += n;
        return static_cast<int>(n);
    }

    static std::int64_t seek(void* opaque, std::int64_t offset, int whence) {
        auto& me = *static_cast<MemoryFile*>(opaque);
        const int way = whence & ~AVSEEK_FORCE;
        if (way == AVSEEK_SIZE) return me.size();
        const auto base = way == SEEK_CUR   ? static_cast<std::int64_t>(me.at_)
                          : way == SEEK_END ? me.size()
                                            : 0;
        const auto target = base + offset;
        if (target < 0 || target > me.size()) return AVERROR(EINVAL);
        me.at_ = static_cast<std::size_t>(target);
        return target;
    }

    std::span<const std::byte> head_;
    std::span<const std::byte> body_;
    std::size_t at_ = 0;
};

bool same_setup(const AVCodecParameters& a, const AVCodecParameters& b) {
    return a.codec_id == b.codec_id && a.extradata_size == b.extradata_size &&
           (a.extradata_size == 0 ||
            std::memcmp(a.extradata, b.extradata, static_cast<std::size_t>(a.extradata_size)) == 0);
}

struct StreamDecoder {
    av::CodecContextPtr context;
    av::CodecParametersPtr setup;
    bool impossible = false;  ///< libav has no decoder for it, or it would not open; said once
    std::int64_t packets = 0;
    std::int64_t frames = 0;
};

}  // namespace

struct SegmentDecoder::State {
    State(Track& of, CheckBook& into, bool all, std::stop_token token, std::function<void()> beat)
        : track(of),
          checks(into),
          everything(all),
          stop(std::move(token)),
          work_done(std::move(beat)) {}

    Track& track;
    CheckBook& checks;
    const bool everything;
    std::stop_token stop;
    std::function<void()> work_done;
    bool lenient = false;
    std::map<int, StreamDecoder> decoders;  ///< by the file's stream number
    av::FramePtr frame{av_frame_alloc()};
    av::PacketPtr packet{av_packet_alloc()};
    std::string label;  ///< of the segment that is being decoded

    void fail(std::string detail) {
        if (lenient) {
            checks.warn(
                kind::kDecode, track.subject, detail + " (copied from the source as it is)");
        } else {
            checks.fail(kind::kDecode, track.subject, std::move(detail));
        }
    }
    [[nodiscard]] bool prepare(StreamDecoder& d, const AVStream& stream);
    [[nodiscard]] Result<av::InputPtr> open(MemoryFile& file, const av::IoPtr& io) const;
    /// Frames that are ready; false when one is damaged.
    [[nodiscard]] bool take_frames(StreamDecoder& d, std::int64_t& got);
    [[nodiscard]] bool check_frame(const StreamDecoder& d);
    void decode_first(StreamDecoder& d, int wanted, std::int64_t& left);
    void decode_packet(StreamDecoder& d);
};

SegmentDecoder::SegmentDecoder(Track& track,
                               CheckBook& checks,
                               bool everything,
                               std::stop_token stop,
                               std::function<void()> work_done)
    : state_(std::make_unique<State>(
          track, checks, everything, std::move(stop), std::move(work_done))) {}

SegmentDecoder::~SegmentDecoder() = default;

void SegmentDecoder::set_lenient(bool lenient) {
    state_->lenient = lenient;
}

Result<av::InputPtr> SegmentDecoder::State::open(MemoryFile&, const av::IoPtr& io) const {
    auto* raw = avformat_alloc_context();
    if (raw == nullptr || !io) {
        avformat_free_context(raw);
        return Error{Errc::kLimit, "no memory to read " + label};
    }
    raw->pb = io.get();
    raw->flags |= AVFMT_FLAG_CUSTOM_IO;
    raw->max_streams = 64;
    av::Dictionary options;
    if (!track.transport_stream) options.set("ignore_editlist", "1");
    const auto* format = av_find_input_format(track.transport_stream ? "mpegts" : "mov");
    // On failure the context is freed.
    const int rc = avformat_open_input(&raw, nullptr, format, options.inout());
    if (rc < 0) return av::av_error(rc, "open " + label);
    return av::InputPtr(raw);
}

bool SegmentDecoder::State::prepare(StreamDecoder& d, const AVStream& stream) {
    if (d.impossible) return false;
    if (d.context && same_setup(*d.setup, *stream.codecpar)) return true;
    const auto* codec = avcodec_find_decoder(stream.codecpar->codec_id);
    d.context.reset(codec != nullptr ? avcodec_alloc_context3(codec) : nullptr);
    d.setup.reset(avcodec_parameters_alloc());
    if (!d.context || !d.setup) {
        d.impossible = true;
        checks.warn(kind::kDecode,
                    track.subject,
                    fmt::format("{}: this build of libav cannot decode {}",
                                label,
                                avcodec_get_name(stream.codecpar->codec_id)));
        return false;
    }
    auto& c = *d.context;
    int rc = avcodec_parameters_copy(d.setup.get(), stream.codecpar);
    if (rc >= 0) rc = avcodec_parameters_to_context(&c, stream.codecpar);
    c.pkt_timebase = stream.time_base;
    c.thread_count = 1;
    c.max_pixels = kMaxPixels;
    c.err_recognition = AV_EF_CRCCHECK | AV_EF_BITSTREAM | AV_EF_BUFFER | AV_EF_EXPLODE;
    if (rc >= 0) rc = avcodec_open2(&c, codec, nullptr);
    if (rc < 0) {
        d.impossible = true;
        fail(fmt::format("{}: {}", label, av::av_error(rc, "open the decoder").message));
        return false;
    }
    return true;
}

bool SegmentDecoder::State::check_frame(const StreamDecoder& d) {
    if (frame->decode_error_flags != 0 || (frame->flags & AV_FRAME_FLAG_CORRUPT) != 0) {
        fail(fmt::format(
            "{}: a {} is damaged",
            label,
            d.context->codec_type == AVMEDIA_TYPE_VIDEO ? "picture" : "piece of sound"));
        return false;
    }
    const auto* stream = track.main_stream();
    const auto wanted =
        d.context->codec_type == AVMEDIA_TYPE_VIDEO ? StreamType::kVideo : StreamType::kAudio;
    if (stream == nullptr || stream->type != wanted || !stream->codec) return true;
    if (wanted == StreamType::kVideo) {
        const auto& v = stream->codec->video;
        if (v.width == 0 || (static_cast<int>(v.width) == frame->width &&
                             static_cast<int>(v.height) == frame->height))
            return true;
        fail(fmt::format("{}: the picture is {}x{}, the init segment says {}x{}",
                         label,
                         frame->width,
                         frame->height,
                         v.width,
                         v.height));
        return false;
    }
    const auto rate = static_cast<int>(stream->codec->audio.sample_rate);
    // Decoders may double the rate by implicit SBR.
    if (rate == 0 || frame->sample_rate == rate || frame->sample_rate == 2 * rate) return true;
    fail(fmt::format(
        "{}: the sound has {} Hz, the init segment says {}", label, frame->sample_rate, rate));
    return false;
}

bool SegmentDecoder::State::take_frames(StreamDecoder& d, std::int64_t& got) {
    while (true) {
        const int rc = avcodec_receive_frame(d.context.get(), frame.get());
        if (rc == AVERROR(EAGAIN) || rc == AVERROR_EOF) return true;
        if (rc < 0) {
            fail(fmt::format("{}: {}", label, av::av_error(rc, "decode").message));
            return false;
        }
        ++got;
        ++d.frames;
        if (d.context->codec_type == AVMEDIA_TYPE_VIDEO) ++track.pictures_decoded;
        const bool good = check_frame(d);
        av_frame_unref(frame.get());
        if (!good) return false;
    }
}

/// One of the first packets of a segment, in quick mode.
void SegmentDecoder::State::decode_first(StreamDecoder& d, int wanted, std::int64_t& left) {
    --left;
    std::int64_t got = 0;
    int rc = avcodec_send_packet(d.context.get(), packet.get());
    bool good = rc >= 0;
    if (!good)
        fail(fmt::format("{}: {}", label, av::av_error(rc, "decode its first frame").message));
    if (good) good = take_frames(d, got);
    if (left > 0 && good) return;
    // Decoders that wait for the next pictures give the first one when they are told that none will
    // come.
    rc = avcodec_send_packet(d.context.get(), nullptr);
    if (good && rc >= 0) good = take_frames(d, got);
    if (good && got == 0 && wanted == 1)
        fail(label + ": its first picture does not decode on its own");
    avcodec_flush_buffers(d.context.get());
    left = 0;
}

void SegmentDecoder::State::decode_packet(StreamDecoder& d) {
    ++d.packets;
    std::int64_t got = 0;
    const int rc = avcodec_send_packet(d.context.get(), packet.get());
    if (rc < 0) {
        fail(fmt::format("{}: packet {} of the track: {}",
                         label,
                         d.packets,
                         av::av_error(rc, "decode").message));
        return;
    }
    static_cast<void>(take_frames(d, got));
}

Status SegmentDecoder::decode(const SegmentRef& ref,
                              std::span<const std::byte> init,
                              std::span<const std::byte> segment) {
    auto& s = *state_;
    s.label = segment_label(ref);
    s.checks.checked(kind::kDecode, s.track.subject);
    MemoryFile file(init, segment);
    const auto io = file.open();
    auto input = s.open(file, io);
    if (!input) {
        s.fail(input.error().message);
        return {};
    }
    std::map<int, std::int64_t> left;  // frames still wanted, in quick mode
    while (true) {
        if (s.stop.stop_requested()) return Error{Errc::kCancelled, "verify: stopped"};
        const int rc = av_read_frame(input->get(), s.packet.get());
        if (rc == AVERROR_EOF) break;
        if (rc < 0) {
            s.fail(fmt::format("{}: {}", s.label, av::av_error(rc, "read its packets").message));
            break;
        }
        if (s.work_done) s.work_done();
        const int number = s.packet->stream_index;
        const auto& stream = *(*input)->streams[number];
        const bool video = stream.codecpar->codec_type == AVMEDIA_TYPE_VIDEO;
        const bool wanted = video || stream.codecpar->codec_type == AVMEDIA_TYPE_AUDIO;
        auto& decoder = s.decoders[number];
        const int frames = video ? 1 : kAudioFramesQuick;
        const auto budget = left.try_emplace(number, frames).first;
        if (wanted && s.everything && s.prepare(decoder, stream)) s.decode_packet(decoder);
        if (wanted && !s.everything && budget->second > 0) {
            if (s.prepare(decoder, stream)) {
                s.decode_first(decoder, frames, budget->second);
            } else {
                budget->second = 0;
            }
        }
        av_packet_unref(s.packet.get());
        const auto streams = (*input)->nb_streams;
        if (!s.everything && left.size() == streams &&
            std::all_of(left.begin(), left.end(), [](const auto& l) { return l.second == 0; }))
            break;
    }
    for (const auto& [number, frames] : left) {
        auto& d = s.decoders[number];
        // A segment with less audio than was asked for leaves its decoder full.
        if (!s.everything && frames > 0 && d.context) avcodec_flush_buffers(d.context.get());
    }
    return {};
}

Status SegmentDecoder::finish() {
    auto& s = *state_;
    if (!s.everything) return {};
    s.label = "end of the track";
    for (auto& [number, d] : s.decoders) {
        if (!d.context) continue;
        std::int64_t got = 0;
        if (avcodec_send_packet(d.context.get(), nullptr) >= 0)
            static_cast<void>(s.take_frames(d, got));
        if (d.frames != d.packets)
            s.fail(fmt::format("{} of {} frames came out of the decoder", d.frames, d.packets));
        const auto* stream = s.track.main_stream();
        const bool is_main =
            stream != nullptr && stream->complete() &&
            d.context->codec_type ==
                (stream->type == StreamType::kVideo ? AVMEDIA_TYPE_VIDEO : AVMEDIA_TYPE_AUDIO);
        if (is_main && !s.track.transport_stream && d.packets != stream->samples()) {
            s.fail(fmt::format("the demuxer found {} packets, the segments hold {} samples",
                               d.packets,
                               stream->samples()));
        }
    }
    return {};
}

}  // namespace sg::engine
