#pragma once

#include <media_av/libav.hpp>

// What differs between FFmpeg 5.1 (Debian 12) and 7.1 (Debian 13), in one place.
namespace sg::av {

[[nodiscard]] inline std::int64_t frame_duration(const AVFrame* frame) {
#if LIBAVUTIL_VERSION_MAJOR >= 58
    return frame->duration;
#else
    return frame->pkt_duration;
#endif
}

inline void set_frame_duration(AVFrame* frame, std::int64_t duration) {
#if LIBAVUTIL_VERSION_MAJOR >= 58
    frame->duration = duration;
#else
    frame->pkt_duration = duration;
#endif
}

[[nodiscard]] inline bool frame_is_key(const AVFrame* frame) {
#if LIBAVUTIL_VERSION_MAJOR >= 59
    return (frame->flags & AV_FRAME_FLAG_KEY) != 0;
#else
    return frame->key_frame != 0;
#endif
}

[[nodiscard]] inline bool frame_interlaced(const AVFrame* frame) {
#if LIBAVUTIL_VERSION_MAJOR >= 59
    return (frame->flags & AV_FRAME_FLAG_INTERLACED) != 0;
#else
    return frame->interlaced_frame != 0;
#endif
}

[[nodiscard]] inline bool frame_top_field_first(const AVFrame* frame) {
#if LIBAVUTIL_VERSION_MAJOR >= 59
    return (frame->flags & AV_FRAME_FLAG_TOP_FIELD_FIRST) != 0;
#else
    return frame->top_field_first != 0;
#endif
}

/// What buffersrc must know of a frame's colour before the first one (from FFmpeg 7 on; before,
/// frames carry it).
inline void set_source_colour(AVBufferSrcParameters* parameters, const AVFrame* frame) {
#if LIBAVFILTER_VERSION_MAJOR >= 10
    parameters->color_space = frame->colorspace;
    parameters->color_range = frame->color_range;
#else
    static_cast<void>(parameters);
    static_cast<void>(frame);
#endif
}

inline void set_frame_progressive(AVFrame* frame) {
#if LIBAVUTIL_VERSION_MAJOR >= 59
    frame->flags &= ~(AV_FRAME_FLAG_INTERLACED | AV_FRAME_FLAG_TOP_FIELD_FIRST);
#else
    frame->interlaced_frame = 0;
    frame->top_field_first = 0;
#endif
}

inline void clear_frame_key(AVFrame* frame) {
#if LIBAVUTIL_VERSION_MAJOR >= 59
    frame->flags &= ~AV_FRAME_FLAG_KEY;
#else
    frame->key_frame = 0;
#endif
}

inline void set_frame_interlaced(AVFrame* frame, bool interlaced, bool top_field_first) {
#if LIBAVUTIL_VERSION_MAJOR >= 59
    const auto set = [frame](int flag, bool on) {
        frame->flags = on ? frame->flags | flag : frame->flags & ~flag;
    };
    set(AV_FRAME_FLAG_INTERLACED, interlaced);
    set(AV_FRAME_FLAG_TOP_FIELD_FIRST, top_field_first);
#else
    frame->interlaced_frame = interlaced ? 1 : 0;
    frame->top_field_first = top_field_first ? 1 : 0;
#endif
}

/// Stream side data (display matrix, mastering display, ...), null when absent.
[[nodiscard]] inline const std::uint8_t* stream_side_data(const AVStream* stream,
                                                          AVPacketSideDataType type,
                                                          std::size_t* size) {
#if LIBAVFORMAT_VERSION_MAJOR >= 61
    const auto* entry = av_packet_side_data_get(
        stream->codecpar->coded_side_data, stream->codecpar->nb_coded_side_data, type);
    if (entry == nullptr) return nullptr;
    if (size != nullptr) *size = entry->size;
    return entry->data;
#else
    return av_stream_get_side_data(stream, type, size);
#endif
}

/// Room for side data of a stream to be written, null when out of memory.
[[nodiscard]] inline std::uint8_t* new_stream_side_data(AVStream* stream,
                                                        AVPacketSideDataType type,
                                                        std::size_t size) {
#if LIBAVFORMAT_VERSION_MAJOR >= 61
    auto* entry = av_packet_side_data_new(
        &stream->codecpar->coded_side_data, &stream->codecpar->nb_coded_side_data, type, size, 0);
    return entry != nullptr ? entry->data : nullptr;
#else
    return av_stream_new_side_data(stream, type, size);
#endif
}

}  // namespace sg::av
