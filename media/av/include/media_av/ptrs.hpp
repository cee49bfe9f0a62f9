#pragma once

#include <memory>

#include <media_av/libav.hpp>

namespace sg::av {

template <auto Free>
struct FreePointer {
    template <class T>
    void operator()(T* p) const {
        Free(&p);
    }
};
struct FreeMemory {
    void operator()(void* p) const { av_free(p); }
};
struct CloseInput {
    void operator()(AVFormatContext* p) const { avformat_close_input(&p); }
};
struct FreeDictionary {
    void operator()(AVDictionary* p) const { av_dict_free(&p); }
};
/// An AVIOContext made by avio_alloc_context: its buffer is ours to free.
struct FreeIo {
    void operator()(AVIOContext* p) const {
        av_freep(&p->buffer);
        avio_context_free(&p);
    }
};

using PacketPtr = std::unique_ptr<AVPacket, FreePointer<av_packet_free>>;
using FramePtr = std::unique_ptr<AVFrame, FreePointer<av_frame_free>>;
using CodecContextPtr = std::unique_ptr<AVCodecContext, FreePointer<avcodec_free_context>>;
using CodecParametersPtr = std::unique_ptr<AVCodecParameters, FreePointer<avcodec_parameters_free>>;
using BsfPtr = std::unique_ptr<AVBSFContext, FreePointer<av_bsf_free>>;
using FilterGraphPtr = std::unique_ptr<AVFilterGraph, FreePointer<avfilter_graph_free>>;
using FilterInOutPtr = std::unique_ptr<AVFilterInOut, FreePointer<avfilter_inout_free>>;
using ResamplerPtr = std::unique_ptr<SwrContext, FreePointer<swr_free>>;
using InputPtr = std::unique_ptr<AVFormatContext, CloseInput>;
using IoPtr = std::unique_ptr<AVIOContext, FreeIo>;

/// Options for an open call; what the callee did not take stays inside.
class Dictionary {
  public:
    Dictionary() = default;
    ~Dictionary() { av_dict_free(&dict_); }
    Dictionary(const Dictionary&) = delete;
    Dictionary& operator=(const Dictionary&) = delete;

    void set(const char* key, const char* value) { av_dict_set(&dict_, key, value, 0); }
    [[nodiscard]] AVDictionary** inout() { return &dict_; }
    [[nodiscard]] const AVDictionary* get() const { return dict_; }
    /// The first option nobody took, or null.
    [[nodiscard]] const char* left_over() const {
        const auto* entry = av_dict_get(dict_, "", nullptr, AV_DICT_IGNORE_SUFFIX);
        return entry != nullptr ? entry->key : nullptr;
    }

  private:
    AVDictionary* dict_ = nullptr;
};

}  // namespace sg::av
