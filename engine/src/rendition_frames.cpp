#include "rendition_frames.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include <fcntl.h>

#include <fmt/format.h>

#include <base/file.hpp>
#include <media_av/check.hpp>
#include <media_av/libav.hpp>
#include <media_av/ptrs.hpp>

#include "attempt_sink.hpp"

namespace sg::engine {
namespace {

namespace fs = std::filesystem;

constexpr int kIoBuffer = 256 << 10;

/// Files read as one, from front to back.
class JoinedFiles {
  public:
    explicit JoinedFiles(std::vector<fs::path> paths) : paths_(std::move(paths)) {}

    static int read(void* self, std::uint8_t* to, int want) {
        return static_cast<JoinedFiles*>(self)->read_some(to, want);
    }

  private:
    int read_some(std::uint8_t* to, int want) {
        while (at_ < paths_.size()) {
            if (!fd_.valid()) {
                auto opened = open_file(paths_[at_], O_RDONLY);
                if (!opened) return AVERROR(EIO);
                fd_ = std::move(opened).value();
                offset_ = 0;
            }
            const auto got =
                read_at(fd_.get(),
                        offset_,
                        std::as_writable_bytes(std::span(to, static_cast<std::size_t>(want))),
                        paths_[at_].string());
            if (!got) return AVERROR(EIO);
            if (*got > 0) {
                offset_ += *got;
                return static_cast<int>(*got);
            }
            fd_.reset();
            ++at_;
        }
        return AVERROR_EOF;
    }

    std::vector<fs::path> paths_;
    std::size_t at_ = 0;
    UniqueFd fd_;
    std::uint64_t offset_ = 0;
};

Result<std::vector<fs::path>> files_of(const fs::path& folder, std::size_t segments) {
    std::error_code ec;
    std::vector<fs::path> files;
    for (fs::directory_iterator at(folder, ec), end; !ec && at != end; at.increment(ec)) {
        const auto name = at->path().filename().string();
        if (name.starts_with("init-") && name.ends_with(".mp4")) files.push_back(at->path());
    }
    if (files.size() != 1)
        return Error{Errc::kNotFound,
                     fmt::format("measure quality: {} holds {} init segments, one is needed",
                                 folder.string(),
                                 files.size())};
    for (std::size_t n = 1; n <= segments; ++n)
        files.push_back(folder / segment_file(static_cast<std::int64_t>(n)));
    return files;
}

}  // namespace

struct RenditionFrames::State {
    explicit State(std::vector<fs::path> paths) : files(std::move(paths)) {}

    std::string name;
    std::int64_t offset = 0;
    std::int64_t frame_duration = 1;
    JoinedFiles files;
    av::IoPtr io;
    av::InputPtr input;
    av::CodecContextPtr decoder;
    av::PacketPtr packet{av_packet_alloc()};
    bool drained = false;

    [[nodiscard]] Error error(int rc, const char* what) const {
        return av::av_error(rc, fmt::format("measure quality: {} rendition {}", what, name));
    }
    [[nodiscard]] Status start();
    [[nodiscard]] Status feed();
};

RenditionFrames::RenditionFrames(std::unique_ptr<State> state) : state_(std::move(state)) {}
RenditionFrames::~RenditionFrames() = default;

Result<std::unique_ptr<RenditionFrames>> RenditionFrames::open(
    const fs::path& folder, const pipeline::VideoRendition& rendition, std::int64_t offset) {
    SG_TRY_ASSIGN(auto paths,
                  files_of(folder, rendition.borders.empty() ? 0 : rendition.borders.size() - 1));
    auto state = std::make_unique<State>(std::move(paths));
    state->name = rendition.name;
    state->offset = offset;
    state->frame_duration = std::max<std::int64_t>(1, rendition.frame_duration);
    SG_TRY(state->start());
    return std::unique_ptr<RenditionFrames>(new RenditionFrames(std::move(state)));
}

Status RenditionFrames::State::start() {
    auto* buffer = static_cast<unsigned char*>(av_malloc(kIoBuffer));
    io.reset(
        buffer != nullptr
            ? avio_alloc_context(buffer, kIoBuffer, 0, &files, &JoinedFiles::read, nullptr, nullptr)
            : nullptr);
    auto* raw = avformat_alloc_context();
    if (!io || raw == nullptr) {
        if (!io) av_free(buffer);
        avformat_free_context(raw);
        return Error{Errc::kLimit, "measure quality: out of memory"};
    }
    raw->pb = io.get();
    raw->flags |= AVFMT_FLAG_CUSTOM_IO;
    av::Dictionary options;
    options.set("ignore_editlist", "1");
    int rc = avformat_open_input(&raw, nullptr, av_find_input_format("mov"), options.inout());
    if (rc < 0) return error(rc, "open");
    input.reset(raw);
    if (raw->nb_streams != 1)
        return Error{
            Errc::kBadData,
            fmt::format("measure quality: rendition {} has {} tracks", name, raw->nb_streams)};
    const auto& parameters = *raw->streams[0]->codecpar;
    const auto* codec = avcodec_find_decoder(parameters.codec_id);
    if (codec == nullptr)
        return Error{Errc::kUnsupported,
                     fmt::format("measure quality: no decoder for {}",
                                 avcodec_get_name(parameters.codec_id))};
    decoder.reset(avcodec_alloc_context3(codec));
    if (!decoder) return Error{Errc::kLimit, "measure quality: out of memory"};
    decoder->thread_count = 1;
    rc = avcodec_parameters_to_context(decoder.get(), &parameters);
    if (rc >= 0) rc = avcodec_open2(decoder.get(), codec, nullptr);
    return rc < 0 ? Status(error(rc, "open the decoder of")) : Status();
}

Status RenditionFrames::State::feed() {
    int rc = av_read_frame(input.get(), packet.get());
    if (rc == AVERROR_EOF) {
        rc = avcodec_send_packet(decoder.get(), nullptr);
        drained = true;
    } else if (rc >= 0) {
        rc = avcodec_send_packet(decoder.get(), packet.get());
        av_packet_unref(packet.get());
    }
    return rc < 0 && rc != AVERROR_EOF ? Status(error(rc, "decode")) : Status();
}

Result<std::optional<media::Frame>> RenditionFrames::next() {
    auto& s = *state_;
    media::Frame frame;
    while (true) {
        const int rc = avcodec_receive_frame(s.decoder.get(), frame.native());
        if (rc >= 0) break;
        if (rc == AVERROR_EOF || (rc == AVERROR(EAGAIN) && s.drained))
            return std::optional<media::Frame>();
        if (rc != AVERROR(EAGAIN)) return s.error(rc, "decode");
        SG_TRY(s.feed());
    }
    auto& raw = *frame.native();
    raw.pts = media::mul_div(raw.pts - s.offset, 1, s.frame_duration, media::Rounding::kNearest);
    // libav's older names of full-range pictures; the encoders were given the plain ones.
    if (raw.format == AV_PIX_FMT_YUVJ420P) raw.format = AV_PIX_FMT_YUV420P;
    if (raw.format == AV_PIX_FMT_YUVJ422P) raw.format = AV_PIX_FMT_YUV422P;
    if (raw.format == AV_PIX_FMT_YUVJ444P) raw.format = AV_PIX_FMT_YUV444P;
    return std::optional(std::move(frame));
}

}  // namespace sg::engine
