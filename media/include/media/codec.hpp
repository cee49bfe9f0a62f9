#pragma once

#include <string_view>

namespace sg::media {

enum class MediaType { kVideo, kAudio, kSubtitle, kData, kAttachment, kUnknown };

/// The codecs we package or decide on. Others are kOther: decodable perhaps, never copied.
enum class CodecId {
    kUnknown,
    kH264,
    kHevc,
    kAv1,
    kVp9,
    kVp8,
    kAac,
    kOpus,
    kAc3,
    kEac3,
    kFlac,
    kMp3,
    kOther
};

[[nodiscard]] std::string_view codec_name(CodecId id);  ///< "h264", "hevc", ...
[[nodiscard]] CodecId codec_from_name(std::string_view name);
[[nodiscard]] std::string_view media_type_name(MediaType type);
[[nodiscard]] bool is_video(CodecId id);

}  // namespace sg::media
