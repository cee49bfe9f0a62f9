#pragma once

#include <optional>

#include <formats/codec_config.hpp>
#include <media/codec.hpp>

namespace sg::pipeline {

/// How the formats that we package know a codec; nothing for one that has no place in them.
[[nodiscard]] std::optional<formats::Codec> packaged_codec(media::CodecId id);
[[nodiscard]] media::CodecId codec_id(formats::Codec codec);

}  // namespace sg::pipeline
