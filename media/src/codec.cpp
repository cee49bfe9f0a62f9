#include <array>
#include <utility>

#include <media/codec.hpp>

namespace sg::media {
namespace {

constexpr std::array<std::pair<CodecId, std::string_view>, 11> kNames{{
    {CodecId::kH264, "h264"},
    {CodecId::kHevc, "hevc"},
    {CodecId::kAv1, "av1"},
    {CodecId::kVp9, "vp9"},
    {CodecId::kVp8, "vp8"},
    {CodecId::kAac, "aac"},
    {CodecId::kOpus, "opus"},
    {CodecId::kAc3, "ac3"},
    {CodecId::kEac3, "eac3"},
    {CodecId::kFlac, "flac"},
    {CodecId::kMp3, "mp3"},
}};

}  // namespace

std::string_view codec_name(CodecId id) {
    for (const auto& [known, name] : kNames) {
        if (known == id) return name;
    }
    return id == CodecId::kOther ? "other" : "unknown";
}

CodecId codec_from_name(std::string_view name) {
    for (const auto& [id, known] : kNames) {
        if (known == name) return id;
    }
    return name.empty() || name == "unknown" ? CodecId::kUnknown : CodecId::kOther;
}

std::string_view media_type_name(MediaType type) {
    switch (type) {
        case MediaType::kVideo:
            return "video";
        case MediaType::kAudio:
            return "audio";
        case MediaType::kSubtitle:
            return "subtitle";
        case MediaType::kData:
            return "data";
        case MediaType::kAttachment:
            return "attachment";
        case MediaType::kUnknown:
            return "unknown";
    }
    return "unknown";
}

bool is_video(CodecId id) {
    switch (id) {
        case CodecId::kH264:
        case CodecId::kHevc:
        case CodecId::kAv1:
        case CodecId::kVp9:
        case CodecId::kVp8:
            return true;
        default:
            return false;
    }
}

}  // namespace sg::media
