#pragma once

#include <formats/codec_config.hpp>

namespace sg::formats {

[[nodiscard]] Result<CodecConfig> make_h264_config(std::span<const std::byte> extradata);
[[nodiscard]] Result<CodecConfig> make_hevc_config(std::span<const std::byte> extradata);
[[nodiscard]] Result<CodecConfig> make_av1_config(std::span<const std::byte> extradata);
[[nodiscard]] Result<CodecConfig> make_vp9_config_from(std::span<const std::byte> extradata);

}  // namespace sg::formats
