#include <pipeline/packaged_codec.hpp>

namespace sg::pipeline {

using formats::Codec;
using media::CodecId;

std::optional<Codec> packaged_codec(CodecId id) {
    switch (id) {
        case CodecId::kH264:
            return Codec::kH264;
        case CodecId::kHevc:
            return Codec::kHevc;
        case CodecId::kAv1:
            return Codec::kAv1;
        case CodecId::kVp9:
            return Codec::kVp9;
        case CodecId::kAac:
            return Codec::kAac;
        case CodecId::kOpus:
            return Codec::kOpus;
        case CodecId::kAc3:
            return Codec::kAc3;
        case CodecId::kEac3:
            return Codec::kEac3;
        case CodecId::kFlac:
            return Codec::kFlac;
        case CodecId::kMp3:
            return Codec::kMp3;
        case CodecId::kUnknown:
        case CodecId::kVp8:
        case CodecId::kOther:
            break;
    }
    return std::nullopt;
}

CodecId codec_id(Codec codec) {
    switch (codec) {
        case Codec::kH264:
            return CodecId::kH264;
        case Codec::kHevc:
            return CodecId::kHevc;
        case Codec::kAv1:
            return CodecId::kAv1;
        case Codec::kVp9:
            return CodecId::kVp9;
        case Codec::kAac:
            return CodecId::kAac;
        case Codec::kOpus:
            return CodecId::kOpus;
        case Codec::kAc3:
            return CodecId::kAc3;
        case Codec::kEac3:
            return CodecId::kEac3;
        case Codec::kFlac:
            return CodecId::kFlac;
        case Codec::kMp3:
            return CodecId::kMp3;
    }
    return CodecId::kUnknown;
}

}  // namespace sg::pipeline
