#include <cassert>
#include <cstdarg>
#include <limits>

#include <base/log.hpp>
#include <media_av/check.hpp>

namespace sg::av {

Error av_error(int rc, const std::string& attempted) {
    Errc code = Errc::kBadData;
    if (rc == AVERROR(EAGAIN))
        code = Errc::kAgain;
    else if (rc == AVERROR_EOF)
        code = Errc::kEndOfStream;
    else if (rc == AVERROR_EXIT)
        code = Errc::kCancelled;
    else if (rc == AVERROR(ETIMEDOUT))
        code = Errc::kTimeout;
    else if (rc == AVERROR(ENOSPC))
        code = Errc::kNoSpace;
    else if (rc == AVERROR(EIO))
        code = Errc::kIo;
    else if (rc == AVERROR(ENOENT))
        code = Errc::kNotFound;
    else if (rc == AVERROR(EACCES) || rc == AVERROR(EPERM))
        code = Errc::kPermission;
    else if (rc == AVERROR(ENOMEM))
        code = Errc::kLimit;
    else if (rc == AVERROR(ENOSYS) || rc == AVERROR_PATCHWELCOME ||
             rc == AVERROR_DECODER_NOT_FOUND || rc == AVERROR_ENCODER_NOT_FOUND ||
             rc == AVERROR_FILTER_NOT_FOUND)
        code = Errc::kUnsupported;
    else if (rc == AVERROR(EINVAL))
        code = Errc::kInvalidArgument;
    char text[AV_ERROR_MAX_STRING_SIZE] = {};
    av_strerror(rc, text, sizeof text);
    return Error{code, attempted + ": " + text};
}

AVRational to_av(media::Rational r) {
    assert(r.num <= std::numeric_limits<int>::max() && r.den <= std::numeric_limits<int>::max());
    return {static_cast<int>(r.num), static_cast<int>(r.den)};
}

media::CodecId codec_from_av(AVCodecID id) {
    using media::CodecId;
    switch (id) {
        case AV_CODEC_ID_NONE:
            return CodecId::kUnknown;
        case AV_CODEC_ID_H264:
            return CodecId::kH264;
        case AV_CODEC_ID_HEVC:
            return CodecId::kHevc;
        case AV_CODEC_ID_AV1:
            return CodecId::kAv1;
        case AV_CODEC_ID_VP9:
            return CodecId::kVp9;
        case AV_CODEC_ID_VP8:
            return CodecId::kVp8;
        case AV_CODEC_ID_AAC:
            return CodecId::kAac;
        case AV_CODEC_ID_OPUS:
            return CodecId::kOpus;
        case AV_CODEC_ID_AC3:
            return CodecId::kAc3;
        case AV_CODEC_ID_EAC3:
            return CodecId::kEac3;
        case AV_CODEC_ID_FLAC:
            return CodecId::kFlac;
        case AV_CODEC_ID_MP3:
            return CodecId::kMp3;
        default:
            return CodecId::kOther;
    }
}

AVCodecID codec_to_av(media::CodecId id) {
    using media::CodecId;
    switch (id) {
        case CodecId::kH264:
            return AV_CODEC_ID_H264;
        case CodecId::kHevc:
            return AV_CODEC_ID_HEVC;
        case CodecId::kAv1:
            return AV_CODEC_ID_AV1;
        case CodecId::kVp9:
            return AV_CODEC_ID_VP9;
        case CodecId::kVp8:
            return AV_CODEC_ID_VP8;
        case CodecId::kAac:
            return AV_CODEC_ID_AAC;
        case CodecId::kOpus:
            return AV_CODEC_ID_OPUS;
        case CodecId::kAc3:
            return AV_CODEC_ID_AC3;
        case CodecId::kEac3:
            return AV_CODEC_ID_EAC3;
        case CodecId::kFlac:
            return AV_CODEC_ID_FLAC;
        case CodecId::kMp3:
            return AV_CODEC_ID_MP3;
        case CodecId::kUnknown:
        case CodecId::kOther:
            return AV_CODEC_ID_NONE;
    }
    return AV_CODEC_ID_NONE;
}

media::MediaType type_from_av(AVMediaType type) {
    using media::MediaType;
    switch (type) {
        case AVMEDIA_TYPE_VIDEO:
            return MediaType::kVideo;
        case AVMEDIA_TYPE_AUDIO:
            return MediaType::kAudio;
        case AVMEDIA_TYPE_SUBTITLE:
            return MediaType::kSubtitle;
        case AVMEDIA_TYPE_DATA:
            return MediaType::kData;
        case AVMEDIA_TYPE_ATTACHMENT:
            return MediaType::kAttachment;
        default:
            return MediaType::kUnknown;
    }
}

void route_log() {
    av_log_set_level(AV_LOG_WARNING);
    av_log_set_callback([](void* context, int level, const char* format, va_list args) {
        if (level > AV_LOG_WARNING || !log::enabled(log::Level::kDebug)) return;
        char line[1024];
        int print_prefix = 1;
        av_log_format_line2(context, level, format, args, line, sizeof line, &print_prefix);
        std::string text = line;
        while (!text.empty() && text.back() == '\n') text.pop_back();
        log::debug("libav message=\"{}\"", text);
    });
}

std::string library_versions() {
    const auto one = [](const char* name, unsigned v) {
        return fmt::format(
            "{} {}.{}.{}", name, AV_VERSION_MAJOR(v), AV_VERSION_MINOR(v), AV_VERSION_MICRO(v));
    };
    return fmt::format("{}, {}, {}, {}, {} (FFmpeg {})",
                       one("libavformat", avformat_version()),
                       one("libavcodec", avcodec_version()),
                       one("libavfilter", avfilter_version()),
                       one("libswresample", swresample_version()),
                       one("libavutil", avutil_version()),
                       av_version_info());
}

}  // namespace sg::av
