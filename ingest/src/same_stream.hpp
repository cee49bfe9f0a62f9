#pragma once

#include <formats/codec_config.hpp>

namespace sg::ingest {

/// A decoder needs not be told of another stream. The data rate of E-AC-3, which is that of the
/// frame that the configuration was made from, may differ.
[[nodiscard]] bool same_stream(const formats::CodecConfig& a, const formats::CodecConfig& b);

}  // namespace sg::ingest
