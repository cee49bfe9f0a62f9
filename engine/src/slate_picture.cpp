#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <base/file.hpp>
#include <ingest/source.hpp>
#include <media_av/check.hpp>
#include <media_av/compat.hpp>
#include <media_av/ptrs.hpp>

#include "test_card.hpp"

namespace sg::engine {
namespace {

constexpr std::size_t kMostBytes = std::size_t{64} << 20;
constexpr std::int64_t kMostPixels = 100'000'000;
constexpr std::uint8_t kBlackLuma = 16;
constexpr std::uint8_t kNoChroma = 128;

class Decoder {
  public:
    static Result<Decoder> open(const std::string& name, const std::string& attempted) {
        av::route_log();
        const auto* codec = avcodec_find_decoder_by_name(name.c_str());
        if (codec == nullptr)
            return Error{Errc::kUnsupported, attempted + ": no decoder for " + name};
        Decoder out;
        out.context_.reset(avcodec_alloc_context3(codec));
        out.context_->max_pixels = kMostPixels;
        SG_TRY(av::check(avcodec_open2(out.context_.get(), codec, nullptr), attempted));
        return out;
    }
    /// Null ends the input. Nothing when more is needed.
    Result<av::FramePtr> decode(const AVPacket* packet, const std::string& attempted) {
        SG_TRY(av::check(avcodec_send_packet(context_.get(), packet), attempted));
        av::FramePtr frame(av_frame_alloc());
        const int got = avcodec_receive_frame(context_.get(), frame.get());
        if (got == AVERROR(EAGAIN) || got == AVERROR_EOF) return av::FramePtr();
        SG_TRY(av::check(got, attempted));
        return frame;
    }

  private:
    av::CodecContextPtr context_;
};

/// Where a picture lies on the card: as large as fits, on even borders.
struct Place {
    int left, top, width, height;

    Place(int picture_width, int picture_height) {
        const double scale = std::min(static_cast<double>(kCardWidth) / picture_width,
                                      static_cast<double>(kCardHeight) / picture_height);
        width = std::clamp(static_cast<int>(picture_width * scale) & ~1, 2, kCardWidth);
        height = std::clamp(static_cast<int>(picture_height * scale) & ~1, 2, kCardHeight);
        left = (kCardWidth - width) / 2 & ~1;
        top = (kCardHeight - height) / 2 & ~1;
    }
};

/// Black shows through where it is transparent.
std::uint8_t on_black(std::uint8_t value, std::uint8_t black, int opacity) {
    return static_cast<std::uint8_t>(black + (value - black) * opacity / 255);
}

/// 4:2:0 with or without opacity, of the place's size.
void lay(CardPicture& p, const Place& at, const AVFrame& picture) {
    const auto* opacity = picture.data[3];
    const auto row = [&picture](int plane, int y) {
        return picture.data[plane] + static_cast<std::ptrdiff_t>(y) * picture.linesize[plane];
    };
    for (int y = 0; y < at.height; ++y) {
        auto* to = p.y.data() + (at.top + y) * kCardWidth + at.left;
        for (int x = 0; x < at.width; ++x)
            to[x] = on_black(row(0, y)[x], kBlackLuma, opacity ? row(3, y)[x] : 255);
    }
    for (int y = 0; y < at.height / 2; ++y) {
        const int first = (at.top / 2 + y) * (kCardWidth / 2) + at.left / 2;
        for (int x = 0; x < at.width / 2; ++x) {
            int mean = 255;
            if (opacity) {
                const auto* above = row(3, 2 * y) + 2 * x;
                const auto* below = row(3, 2 * y + 1) + 2 * x;
                mean = (above[0] + above[1] + below[0] + below[1]) / 4;
            }
            p.u.data()[first + x] = on_black(row(1, y)[x], kNoChroma, mean);
            p.v.data()[first + x] = on_black(row(2, y)[x], kNoChroma, mean);
        }
    }
}

struct FreeScaler {
    void operator()(SwsContext* scaler) const { sws_freeContext(scaler); }
};

Result<CardPicture> fitted(const AVFrame& frame, const std::string& attempted) {
    const auto format = static_cast<AVPixelFormat>(frame.format);
    const auto* described = av_pix_fmt_desc_get(format);
    const bool clear = described != nullptr && (described->flags & AV_PIX_FMT_FLAG_ALPHA) != 0;
    const Place at(frame.width, frame.height);
    // Of its own: scalers write past the end of rows.
    const av::FramePtr scaled(av_frame_alloc());
    scaled->format = clear ? AV_PIX_FMT_YUVA420P : AV_PIX_FMT_YUV420P;
    scaled->width = at.width;
    scaled->height = at.height;
    SG_TRY(av::check(av_frame_get_buffer(scaled.get(), 0), attempted));
    const std::unique_ptr<SwsContext, FreeScaler> scaler(
        sws_getContext(frame.width,
                       frame.height,
                       format,
                       at.width,
                       at.height,
                       static_cast<AVPixelFormat>(scaled->format),
                       SWS_BICUBIC,
                       nullptr,
                       nullptr,
                       nullptr));
    if (scaler == nullptr)
        return Error{Errc::kUnsupported, attempted + ": its pixels cannot be converted"};
    // Pictures that do not say are of BT.601 (JFIF); for RGB this means nothing.
    const bool said = frame.colorspace != AVCOL_SPC_UNSPECIFIED;
    sws_setColorspaceDetails(
        scaler.get(),
        sws_getCoefficients(said ? static_cast<int>(frame.colorspace) : SWS_CS_ITU601),
        frame.color_range == AVCOL_RANGE_JPEG ? 1 : 0,
        sws_getCoefficients(SWS_CS_ITU709),
        0,
        0,
        1 << 16,
        1 << 16);
    sws_scale(
        scaler.get(), frame.data, frame.linesize, 0, frame.height, scaled->data, scaled->linesize);
    CardPicture out;
    lay(out, at, *scaled);
    return out;
}

/// The first picture of what libav's demuxers open.
Result<av::FramePtr> first_frame(const std::filesystem::path& path,
                                 const std::string& attempted,
                                 std::stop_token stop) {
    ingest::OpenOptions options;
    options.path = path;
    options.depth = ingest::Depth::kBrief;
    options.stop = std::move(stop);
    SG_TRY_ASSIGN(auto input, ingest::MediaInput::open(std::move(options)));
    const ingest::StreamFacts* picture = nullptr;
    for (const auto& stream : input->facts().streams) {
        if (stream.type == media::MediaType::kVideo && picture == nullptr) picture = &stream;
    }
    if (picture == nullptr) return Error{Errc::kBadData, attempted + ": it holds no picture"};
    SG_TRY_ASSIGN(auto decoder, Decoder::open(picture->codec_detail, attempted));
    while (true) {
        auto packet = input->read_packet();
        if (packet && packet->stream() != picture->index) continue;
        SG_TRY_ASSIGN(auto frame, decoder.decode(packet ? packet->native() : nullptr, attempted));
        if (frame) return frame;
        if (!packet) return Error{Errc::kBadData, attempted + ": it holds no whole picture"};
    }
}

/// What these bytes are a picture of; null when they are none that stands alone in its file.
const char* still_decoder(std::string_view bytes) {
    if (bytes.starts_with("\x89PNG\r\n\x1a\n")) return "png";
    if (bytes.starts_with("\xff\xd8\xff")) return "mjpeg";
    if (bytes.starts_with("RIFF") && bytes.substr(0, 12).ends_with("WEBP")) return "webp";
    return nullptr;
}

}  // namespace

Result<CardPicture> load_picture(const std::filesystem::path& path, std::stop_token stop) {
    const auto attempted = fmt::format("read the picture {}", path.filename().string());
    SG_TRY_ASSIGN(const auto bytes, read_file(path, kMostBytes));
    const auto* name = still_decoder(bytes);
    if (name == nullptr) {
        SG_TRY_ASSIGN(const auto frame, first_frame(path, attempted, std::move(stop)));
        return fitted(*frame, attempted);
    }
    SG_TRY_ASSIGN(auto decoder, Decoder::open(name, attempted));
    const av::PacketPtr packet(av_packet_alloc());
    SG_TRY(av::check(av_new_packet(packet.get(), static_cast<int>(bytes.size())), attempted));
    std::memcpy(packet->data, bytes.data(), bytes.size());
    SG_TRY_ASSIGN(auto frame, decoder.decode(packet.get(), attempted));
    if (!frame) {
        SG_TRY_ASSIGN(frame, decoder.decode(nullptr, attempted));
    }
    if (!frame) return Error{Errc::kBadData, attempted + ": it holds no whole picture"};
    return fitted(*frame, attempted);
}

}  // namespace sg::engine
