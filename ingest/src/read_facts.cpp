#include "read_facts.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>

#include <ingest/frame_rate.hpp>
#include <media_av/check.hpp>
#include <media_av/compat.hpp>
#include <media_av/ptrs.hpp>

namespace sg::ingest {
namespace {

using media::kNoTime;
using media::MediaType;

std::string tag_value(const AVDictionary* tags, const char* key) {
    const auto* entry = av_dict_get(tags, key, nullptr, 0);
    return entry != nullptr ? std::string(entry->value).substr(0, 1000) : std::string();
}

Disposition read_disposition(int flags) {
    const auto has = [&](int bit) { return (flags & bit) != 0; };
    Disposition d;
    d.is_default = has(AV_DISPOSITION_DEFAULT);
    d.original = has(AV_DISPOSITION_ORIGINAL);
    d.dub = has(AV_DISPOSITION_DUB);
    d.comment = has(AV_DISPOSITION_COMMENT);
    d.forced = has(AV_DISPOSITION_FORCED);
    d.hearing_impaired = has(AV_DISPOSITION_HEARING_IMPAIRED);
    d.visual_impaired = has(AV_DISPOSITION_VISUAL_IMPAIRED) || has(AV_DISPOSITION_DESCRIPTIONS);
    d.attached_picture = has(AV_DISPOSITION_ATTACHED_PIC);
    d.still_image = has(AV_DISPOSITION_STILL_IMAGE) || has(AV_DISPOSITION_TIMED_THUMBNAILS);
    return d;
}

/// The matrix maps picture to screen (ISO/IEC 14496-12 section 8.3.2): a mirror first, then a turn.
void read_orientation(const AVStream* stream, VideoFacts& video) {
    std::size_t size = 0;
    const auto* data = av::stream_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
    if (data == nullptr || size < 9 * sizeof(std::int32_t)) return;
    std::int32_t matrix[9];
    std::memcpy(matrix, data, sizeof matrix);
    const double determinant =
        static_cast<double>(matrix[0]) * matrix[4] - static_cast<double>(matrix[1]) * matrix[3];
    video.flip = determinant < 0;
    if (video.flip) {
        matrix[0] = -matrix[0];
        matrix[1] = -matrix[1];
    }
    const double degrees = av_display_rotation_get(matrix);
    if (std::isnan(degrees)) {
        video.flip = false;
        return;
    }
    const int quarter = static_cast<int>(std::lround(-degrees / 90.0));
    video.rotation = ((quarter % 4 + 4) % 4) * 90;
}

std::uint16_t scaled16(AVRational value, int unit) {
    const auto v = av_rescale(value.num, unit, value.den != 0 ? value.den : 1);
    return static_cast<std::uint16_t>(std::clamp<std::int64_t>(v, 0, 65535));
}

void read_hdr(const AVStream* stream, VideoFacts& video) {
    std::size_t size = 0;
    if (const auto* data =
            av::stream_side_data(stream, AV_PKT_DATA_MASTERING_DISPLAY_METADATA, &size);
        data != nullptr && size >= sizeof(AVMasteringDisplayMetadata)) {
        const auto* display = reinterpret_cast<const AVMasteringDisplayMetadata*>(data);
        if (display->has_primaries != 0 || display->has_luminance != 0) {
            video.has_mastering_display = true;
            auto& out = video.mastering_display;
            constexpr int kChroma = 50'000;
            constexpr int kLuma = 10'000;
            // ST 2086 as HEVC and mdcv order it: green, blue, red; libav has red, green, blue.
            constexpr int kFrom[3] = {1, 2, 0};
            for (int i = 0; i < 3; ++i) {
                out.primaries_x[i] = scaled16(display->display_primaries[kFrom[i]][0], kChroma);
                out.primaries_y[i] = scaled16(display->display_primaries[kFrom[i]][1], kChroma);
            }
            out.white_x = scaled16(display->white_point[0], kChroma);
            out.white_y = scaled16(display->white_point[1], kChroma);
            const auto luminance = [&](AVRational v) {
                const auto n = av_rescale(v.num, kLuma, v.den != 0 ? v.den : 1);
                return static_cast<std::uint32_t>(std::clamp<std::int64_t>(n, 0, UINT32_MAX));
            };
            out.max_luminance = luminance(display->max_luminance);
            out.min_luminance = luminance(display->min_luminance);
        }
    }
    if (const auto* data = av::stream_side_data(stream, AV_PKT_DATA_CONTENT_LIGHT_LEVEL, &size);
        data != nullptr && size >= sizeof(AVContentLightMetadata)) {
        const auto* light = reinterpret_cast<const AVContentLightMetadata*>(data);
        video.has_content_light = true;
        video.content_light.max_cll = static_cast<std::uint16_t>(std::min(light->MaxCLL, 65535U));
        video.content_light.max_fall = static_cast<std::uint16_t>(std::min(light->MaxFALL, 65535U));
    }
    if (const auto* data = av::stream_side_data(stream, AV_PKT_DATA_DOVI_CONF, &size);
        data != nullptr && size >= sizeof(AVDOVIDecoderConfigurationRecord)) {
        const auto* record = reinterpret_cast<const AVDOVIDecoderConfigurationRecord*>(data);
        video.has_dolby_vision = true;
        video.dolby_vision = {record->dv_profile,
                              record->dv_level,
                              record->bl_present_flag != 0,
                              record->el_present_flag != 0,
                              record->dv_bl_signal_compatibility_id};
    }
}

const char* chroma_name(const AVPixFmtDescriptor* format) {
    if ((format->flags & AV_PIX_FMT_FLAG_RGB) != 0) return "rgb";
    if (format->nb_components < 3) return "4:0:0";
    if (format->log2_chroma_w == 0 && format->log2_chroma_h == 0) return "4:4:4";
    if (format->log2_chroma_w == 1 && format->log2_chroma_h == 0) return "4:2:2";
    if (format->log2_chroma_w == 1 && format->log2_chroma_h == 1) return "4:2:0";
    if (format->log2_chroma_w == 2 && format->log2_chroma_h == 0) return "4:1:1";
    if (format->log2_chroma_w == 0 && format->log2_chroma_h == 1) return "4:4:0";
    return "4:1:0";
}

const char* field_order_name(AVFieldOrder order) {
    switch (order) {
        case AV_FIELD_PROGRESSIVE:
            return "progressive";
        case AV_FIELD_TT:
            return "tt";
        case AV_FIELD_BB:
            return "bb";
        case AV_FIELD_TB:
            return "tb";
        case AV_FIELD_BT:
            return "bt";
        case AV_FIELD_UNKNOWN:
            break;
    }
    return "unknown";
}

void read_video(AVFormatContext* context, AVStream* stream, StreamFacts& facts) {
    const auto* par = stream->codecpar;
    auto& video = facts.video;
    video.width = par->width;
    video.height = par->height;
    video.coded_width = par->width;
    video.coded_height = par->height;
    video.container_sar = av::from_av(stream->sample_aspect_ratio);
    video.codec_sar = av::from_av(par->sample_aspect_ratio);
    const auto sar = av::from_av(av_guess_sample_aspect_ratio(context, stream, nullptr));
    video.sar = sar.positive() ? sar : media::Rational{1, 1};
    const auto pixel_format = static_cast<AVPixelFormat>(par->format);
    if (const auto* format = av_pix_fmt_desc_get(pixel_format); format != nullptr) {
        video.pixel_format = format->name;
        video.bit_depth = format->comp[0].depth;
        video.chroma = chroma_name(format);
        video.has_alpha = (format->flags & AV_PIX_FMT_FLAG_ALPHA) != 0;
    }
    video.colour.primaries = par->color_primaries;
    video.colour.transfer = par->color_trc;
    video.colour.matrix = par->color_space;
    video.colour.full_range =
        par->color_range == AVCOL_RANGE_JPEG || video.pixel_format.starts_with("yuvj");
    video.colour_range_known = par->color_range != AVCOL_RANGE_UNSPECIFIED;
    read_hdr(stream, video);
    read_orientation(stream, video);
    video.declared_rate = av::from_av(stream->r_frame_rate);
    video.average_rate = av::from_av(stream->avg_frame_rate);
    video.true_rate =
        snap_rate(video.average_rate.positive() ? video.average_rate : video.declared_rate);
    video.field_order = field_order_name(par->field_order);
    video.interlaced = par->field_order > AV_FIELD_PROGRESSIVE;
    video.has_b_frames = par->video_delay > 0;
}

void read_audio(const AVStream* stream, StreamFacts& facts) {
    const auto* par = stream->codecpar;
    auto& audio = facts.audio;
    audio.sample_rate = par->sample_rate;
    audio.channels = par->ch_layout.nb_channels;
    AVChannelLayout layout{};
    // A count without places: take the usual layout of so many channels.
    if (par->ch_layout.order == AV_CHANNEL_ORDER_UNSPEC)
        av_channel_layout_default(&layout, par->ch_layout.nb_channels);
    else
        av_channel_layout_copy(&layout, &par->ch_layout);
    char text[128] = {};
    if (av_channel_layout_describe(&layout, text, sizeof text) > 0) audio.layout = text;
    av_channel_layout_uninit(&layout);
    if (const char* name = av_get_sample_fmt_name(static_cast<AVSampleFormat>(par->format));
        name != nullptr)
        audio.sample_format = name;
    audio.bits = par->bits_per_raw_sample != 0 ? par->bits_per_raw_sample
                                               : av_get_exact_bits_per_sample(par->codec_id);
    // Some demuxers leave it open though the codec has but one size; durations in milliseconds
    // would look like a drifting clock.
    audio.frame_samples = par->frame_size > 0
                              ? par->frame_size
                              : std::max(0, av_get_audio_frame_duration2(stream->codecpar, 0));
    audio.initial_padding = par->initial_padding;
}

media::StreamInfoPtr make_info(const AVStream* stream, const StreamFacts& facts) {
    auto info = std::make_shared<media::StreamInfo>();
    info->index = facts.index;
    info->type = facts.type;
    info->codec = facts.codec;
    info->codec_detail = facts.codec_detail;
    info->timebase = facts.timebase;
    const auto* par = stream->codecpar;
    if (par->extradata_size > 0) {
        const auto bytes =
            std::as_bytes(std::span(par->extradata, static_cast<std::size_t>(par->extradata_size)));
        info->extradata.assign(bytes.begin(), bytes.end());
    }
    info->codec_tag = par->codec_tag;
    info->block_align = par->block_align;
    info->bits_per_coded_sample = par->bits_per_coded_sample;
    info->bitrate = par->bit_rate;
    info->profile = par->profile;
    info->level = par->level;
    info->width = facts.video.width;
    info->height = facts.video.height;
    info->pixel_format = facts.video.pixel_format;
    info->sar = facts.video.sar;
    info->frame_rate = facts.video.variable_rate ? media::Rational{0, 1} : facts.video.true_rate;
    info->colour = facts.video.colour;
    info->has_mastering_display = facts.video.has_mastering_display;
    info->mastering_display = facts.video.mastering_display;
    info->has_content_light = facts.video.has_content_light;
    info->content_light = facts.video.content_light;
    info->sample_rate = facts.audio.sample_rate;
    info->channels = facts.audio.channels;
    info->channel_layout = facts.audio.layout;
    info->sample_format = facts.audio.sample_format;
    info->frame_samples = facts.audio.frame_samples;
    info->priming_samples = facts.audio.initial_padding;
    return info;
}

int program_of(AVFormatContext* context, int stream) {
    const auto* program = av_find_program_from_stream(context, nullptr, stream);
    return program != nullptr ? program->program_num : 0;
}

}  // namespace

StreamFacts read_stream_facts(AVFormatContext* context, AVStream* stream) {
    const auto* par = stream->codecpar;
    StreamFacts facts;
    facts.index = stream->index;
    facts.id = stream->id;
    facts.program = program_of(context, stream->index);
    facts.type = av::type_from_av(par->codec_type);
    facts.codec = av::codec_from_av(par->codec_id);
    facts.codec_detail = avcodec_get_name(par->codec_id);
    if (const char* profile = avcodec_profile_name(par->codec_id, par->profile); profile != nullptr)
        facts.profile = profile;
    facts.level = par->level > 0 ? par->level : 0;
    if (par->codec_tag != 0) {
        for (int i = 0; i < 4; ++i) {
            const auto c = static_cast<char>(par->codec_tag >> (8 * i) & 0xff);
            if (c >= 32 && c < 127) facts.tag += c;
        }
    }
    facts.timebase = media::Rational{stream->time_base.num, stream->time_base.den};
    facts.start = stream->start_time;
    facts.duration = stream->duration;
    facts.bit_rate = par->bit_rate;
    facts.frames = stream->nb_frames;
    facts.disposition = read_disposition(stream->disposition);
    facts.language = tag_value(stream->metadata, "language");
    facts.language_tag = language_tag(facts.language);
    facts.title = tag_value(stream->metadata, "title");
    facts.decodable = avcodec_find_decoder(par->codec_id) != nullptr;
    if (av::stream_side_data(stream, AV_PKT_DATA_ENCRYPTION_INIT_INFO, nullptr) != nullptr ||
        facts.tag == "drmi" || facts.tag == "drms" || facts.tag == "encv" || facts.tag == "enca")
        facts.encrypted = true;
    if (facts.type == MediaType::kVideo) read_video(context, stream, facts);
    if (facts.type == MediaType::kAudio) read_audio(stream, facts);
    facts.info = make_info(stream, facts);
    return facts;
}

void refresh_info(StreamFacts& facts) {
    auto info = std::make_shared<media::StreamInfo>(*facts.info);
    info->frame_rate = facts.video.variable_rate ? media::Rational{0, 1} : facts.video.true_rate;
    facts.info = std::move(info);
}

void read_facts(AVFormatContext* context, SourceFacts& facts) {
    facts.demuxer = context->iformat->name;
    facts.container = context->iformat->long_name != nullptr ? context->iformat->long_name
                                                             : context->iformat->name;
    constexpr media::Timebase kAv{1, AV_TIME_BASE};
    facts.duration_ns =
        media::rescale(context->duration, kAv, media::kNanoseconds, media::Rounding::kNearest);
    facts.bit_rate = context->bit_rate;
    facts.title = tag_value(context->metadata, "title");
    facts.language = tag_value(context->metadata, "language");
    for (unsigned i = 0; i < std::min(context->nb_chapters, 1000U); ++i) {
        const auto* chapter = context->chapters[i];
        const media::Timebase timebase{chapter->time_base.num, chapter->time_base.den};
        facts.chapters.push_back(
            {tag_value(chapter->metadata, "title"),
             media::rescale(
                 chapter->start, timebase, media::kNanoseconds, media::Rounding::kNearest),
             media::rescale(
                 chapter->end, timebase, media::kNanoseconds, media::Rounding::kNearest)});
    }
    facts.start_ns = kNoTime;
    for (unsigned i = 0; i < context->nb_streams; ++i) {
        facts.streams.push_back(read_stream_facts(context, context->streams[i]));
        const auto& stream = facts.streams.back();
        const bool counts = stream.is_playable_video() || stream.type == MediaType::kAudio;
        const auto start = stream.start_ns();
        if (counts && start != kNoTime && (facts.start_ns == kNoTime || start < facts.start_ns))
            facts.start_ns = start;
    }
    const std::string_view demuxer = facts.demuxer;
    using pipeline::SeekMethod;
    if (demuxer.starts_with("mov,") || demuxer.starts_with("matroska"))
        facts.seek = SeekMethod::kTime;
    else if (demuxer == "mpegts" || demuxer == "mpeg")
        facts.seek = SeekMethod::kPosition;
    else
        facts.seek = SeekMethod::kScan;
    facts.seekable_by_time = facts.seek == SeekMethod::kTime;
}

}  // namespace sg::ingest
